"""How long the oldest record of a consumer has waited, judged from the records that it saw."""

from collections.abc import Iterable


class OldestAge:
    """A batch in hand waits since its oldest record was published. What lies beyond the position
    was published after the last record that was settled, so its age is at most that one's: from
    there it is reckoned, or from the start of the consumer, which has seen none yet.
    """

    def __init__(self, started_at: float) -> None:
        """Moments are in seconds, of the clock that dates records."""
        self._seen_until = started_at
        self._oldest_in_hand: float | None = None
        self._newest_in_hand = started_at
        self._in_hand = False

    def take(self, published_at: Iterable[float]) -> None:
        """A batch is being handled."""
        moments = list(published_at)
        self._oldest_in_hand, self._newest_in_hand = min(moments), max(moments)
        self._in_hand = True

    def settle(self) -> None:
        """The batch is done."""
        self._seen_until, self._oldest_in_hand = self._newest_in_hand, None
        self._in_hand = False

    def put_back(self) -> None:
        """The batch will be read again, here or by another member of the group."""
        self._in_hand = False

    def seconds(self, lag: int, now: float) -> float:
        """The age; 0 when nothing is in hand and nothing beyond the position."""
        if not self._in_hand and lag <= 0:
            return 0.0
        since = self._seen_until if self._oldest_in_hand is None else self._oldest_in_hand
        return max(0.0, now - since)
