"""How long the oldest record of a consumer has waited, judged from the records that it saw."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


class OldestAge:
    """Each partition by itself, so that a current one does not hide what waits in another.

    What is in hand or was put back waits since its oldest record was published. What lies beyond
    was published after the last record that was settled, and after the last moment when nothing lay
    there, so it is at most that old. A partition that comes to the consumer is reckoned from then
    on. Moments are in seconds, of the clock that dates records.
    """

    def __init__(self) -> None:
        self._partitions: dict[int, _Partition] = {}
        self._in_hand: frozenset[int] = frozenset()

    def take(self, records: Iterable[tuple[int, float]]) -> None:
        """A batch is being handled: the partition of each record, and when it was published."""
        moments: dict[int, list[float]] = {}
        for partition, published_at in records:
            moments.setdefault(partition, []).append(published_at)
        for partition, published in moments.items():
            known = self._partitions.setdefault(partition, _Partition(min(published)))
            known.oldest, known.newest = min(published), max(published)
        self._in_hand = frozenset(moments)

    def settle(self) -> None:
        """The batch is done."""
        for partition in self._in_hand & self._partitions.keys():
            known = self._partitions[partition]
            known.seen_until, known.oldest = max(known.seen_until, known.newest), None
        self._in_hand = frozenset()

    def put_back(self) -> None:
        """The batch will be read again, here or by another member of the group."""
        self._in_hand = frozenset()

    def seconds(self, lags: Mapping[int, int], now: float) -> float:
        """The age, of the partitions that the consumer has now, by the records beyond its position
        at that moment; 0 when nothing is in hand and nothing beyond.
        """
        self._partitions = {
            each: self._partitions.get(each) or _Partition(now)
            for each in lags.keys() | self._in_hand
        }
        ages = [self._since(each, lags.get(each, 0), now) for each in self._partitions]
        return max(
            (now - since for since in ages if since is not None and since < now), default=0.0
        )

    def _since(self, partition: int, lag: int, now: float) -> float | None:
        """Since when its oldest record has waited; none when there is none."""
        known = self._partitions[partition]
        if lag > 0:
            return known.seen_until if known.oldest is None else known.oldest
        if partition in self._in_hand:
            known.newest = max(known.newest, now)  # all that was published until now is in hand
            return known.oldest
        known.seen_until, known.oldest = max(known.seen_until, now), None
        return None


@dataclass(slots=True)
class _Partition:
    """`seen_until`: what lies beyond the position was published later. `oldest` is of what is in
    hand or was put back, `newest` of what is in hand.
    """

    seen_until: float
    oldest: float | None = None
    newest: float = 0.0
