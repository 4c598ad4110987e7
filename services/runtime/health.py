"""Liveness is progress, readiness is that every part can do its work now."""

from collections.abc import Callable
from time import monotonic


class Progress:
    """When a loop last came round. A process whose loop stands still is dead, however alive."""

    def __init__(self, stalled_after: float, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._stalled_after = stalled_after
        self._last = clock()

    def mark(self) -> None:
        """The loop came round."""
        self._last = self._clock()

    def age(self) -> float:
        """Seconds since the loop last came round."""
        return self._clock() - self._last

    def stalled(self) -> bool:
        """Whether the loop has stood still for too long."""
        return self.age() > self._stalled_after


class Health:
    """The parts of one process: loops that must come round and conditions that must hold."""

    def __init__(self) -> None:
        self._progress: dict[str, Progress] = {}
        self._not_ready: dict[str, str] = {}
        self._spared: set[str] = set()
        self._held: set[str] = set()

    def watch(self, part: str, stalled_after: float) -> Progress:
        """Adds a loop; `stalled_after` in seconds."""
        progress = Progress(stalled_after)
        self._progress[part] = progress
        return progress

    def not_ready(self, part: str, reason: str) -> None:
        """Says that a part cannot do its work, and why."""
        self._not_ready[part] = reason
        self._held.discard(part)

    def hold(self, part: str, reason: str) -> None:
        """Says that a part could do its work, and does not until a person lets it go on."""
        self._not_ready[part] = reason
        self._held.add(part)

    def ready(self, part: str) -> None:
        """Says that a part can do its work."""
        self._not_ready.pop(part, None)
        self._held.discard(part)

    def spare(self, part: str) -> None:
        """Says that the process does its work without this part: its absence is shown, no more."""
        self._spared.add(part)

    def liveness(self) -> tuple[bool, dict[str, float]]:
        """Whether no loop stands still, with seconds since each came round."""
        ages = {part: round(progress.age(), 3) for part, progress in self._progress.items()}
        return not any(progress.stalled() for progress in self._progress.values()), ages

    def readiness(self) -> tuple[bool, dict[str, str]]:
        """Whether every part that is needed can do its work; the reason of each that cannot."""
        return self._not_ready.keys() <= self._spared, dict(self._not_ready)

    def held(self) -> list[str]:
        """The parts that wait for a person, of those that readiness names."""
        return sorted(self._held)
