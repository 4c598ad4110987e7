"""The fuse: stops a consumer whose records go to dead letters in too large a share."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FuseLimits:
    """Opens when at least `dead` of the last `window` records died and they are `share` of them."""

    dead: int = 20
    share: float = 0.2
    window: int = 200


class Fuse:
    """Counts how records ended. Bad code deployed must not drain a topic into its dead letters.

    Once open it stays open until it is reset: a person has to look.
    """

    def __init__(self, limits: FuseLimits) -> None:
        self._limits = limits
        self._outcomes: deque[bool] = deque(maxlen=limits.window)
        self.open = False

    def admit(self, died: Sequence[bool]) -> bool:
        """Says whether a batch, a flag per record in order, may give up its dead; else it opens."""
        outcomes = deque(self._outcomes, maxlen=self._limits.window)
        for outcome in died:
            outcomes.append(outcome)
            dead = sum(outcomes) if outcome else 0
            if dead >= self._limits.dead and dead >= self._limits.share * len(outcomes):
                self.open = True
        return not self.open

    def count(self, died: Sequence[bool]) -> None:
        """Counts a batch whose dead letters are confirmed; one that is read again counts once."""
        self._outcomes.extend(died)

    def reset(self) -> None:
        """Closes it and forgets what was counted: a person has looked."""
        self._outcomes.clear()
        self.open = False
