"""The fuse: stops a consumer whose records go to dead letters in too large a share."""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FuseLimits:
    """Opens when at least `dead` of the last `window` records died and they are `share` of them."""

    dead: int = 20
    share: float = 0.2
    window: int = 200


class Fuse:
    """Counts how records ended. Bad code deployed must not drain a topic into its dead letters.

    Once open it stays open until `reset`: a person has to look.
    """

    def __init__(self, limits: FuseLimits) -> None:
        self._limits = limits
        self._outcomes: deque[bool] = deque(maxlen=limits.window)
        self.open = False

    def admit(self, died: list[bool]) -> bool:
        """Counts a batch, a flag per record in order; says whether its dead may be given up.

        A batch that opens the fuse is not counted: it will be read again.
        """
        if self.open:
            return False
        outcomes = deque(self._outcomes, maxlen=self._limits.window)
        for outcome in died:
            outcomes.append(outcome)
            dead = sum(outcomes) if outcome else 0
            if dead >= self._limits.dead and dead >= self._limits.share * len(outcomes):
                self.open = True
                return False
        self._outcomes = outcomes
        return True

    def reset(self) -> None:
        """Closes the fuse and forgets what opened it."""
        self._outcomes.clear()
        self.open = False
