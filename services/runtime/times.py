"""Reads the times that records carry, whoever wrote them."""

from datetime import UTC, datetime

_LAST = 253_402_300_799_000  # the last second of the year 9999


def from_milliseconds(milliseconds: int) -> datetime:
    """The moment, in UTC; one that no calendar has is the first or the last that ours can say."""
    return datetime.fromtimestamp(min(max(milliseconds, 0), _LAST) / 1000, UTC)
