"""Decides who has to wait: so much per key and second, so much at once."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

from services.runtime.problem import Problem, unavailable

_MOST_KEYS = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Rates:
    """A token bucket per key: `burst` items at once, refilled at `per_second`."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def spend(self, key_id: str, items: int = 1) -> None:
        """Takes items from the key's bucket; raises a 429 `Problem` when it has not so many."""
        now = self._clock()
        bucket = self._buckets.get(key_id)
        if bucket is None:
            bucket = self._new_bucket(key_id, now)
        else:
            refilled = bucket.tokens + (now - bucket.at) * self._per_second
            bucket.tokens = min(refilled, self._burst)
            bucket.at = now
        if bucket.tokens < items:
            raise self._too_many((items - bucket.tokens) / self._per_second)
        bucket.tokens -= items

    def _new_bucket(self, key_id: str, now: float) -> _Bucket:
        if len(self._buckets) >= _MOST_KEYS:
            del self._buckets[next(iter(self._buckets))]
        bucket = self._buckets[key_id] = _Bucket(self._burst, now)
        return bucket

    def _too_many(self, seconds: float) -> Problem:
        return Problem(
            429,
            "Too many submissions",
            f"A key may send {self._per_second:g} submissions a second, {self._burst:,} at once."
            " Wait as long as Retry-After says, then send it again.",
            headers={"Retry-After": str(max(1, ceil(seconds)))},
        )


class Gate:
    """Lets so many in at once; the rest is told to come back, before it costs anything.

    No key holds more than half of the places: one charity's slow clients stop no other.
    """

    def __init__(self, most: int, what: str) -> None:
        self._free = most
        self._most_of_a_key = max(1, most // 2)
        self._held: Counter[str] = Counter()
        self._what = what

    @contextmanager
    def pass_through(self, key_id: str) -> Iterator[None]:
        """Holds a place; raises a 503 `Problem` when none is free for this key."""
        if self._free == 0 or self._held[key_id] >= self._most_of_a_key:
            raise unavailable(
                f"Too many {self._what} are being taken at once. Nothing was stored:"
                " send it again after the time in Retry-After.",
                retry_after=1,
            )
        self._free -= 1
        self._held[key_id] += 1
        try:
            yield
        finally:
            self._free += 1
            self._held[key_id] -= 1
            if not self._held[key_id]:
                del self._held[key_id]
