"""Reads durations and moments as people write them, and writes durations as they read them."""

import re
from datetime import UTC, datetime, timedelta

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_LONGEST = timedelta(days=36_500)
_MOST_BARE_DIGITS = 6


def read_duration(text: str) -> timedelta:
    """Reads `90s`, `15m`, `24h`, `7d`, `2w`, `1h30m`, or a bare number of seconds, unless it is so
    long that it was meant as a day.

    Raises `ValueError` with a message for the person who wrote it.
    """
    wanted = text.strip().lower()
    if bare := re.fullmatch(r"(\d+)(\.\d+)?", wanted):
        if len(bare[1]) > _MOST_BARE_DIGITS:
            raise ValueError(f"{text!r} has no unit, as {wanted}s; a day is written 2026-11-26")
        wanted += "s"
    parts = _PART.findall(wanted)
    if not parts or _PART.sub("", wanted).strip():
        raise ValueError(f"{text!r} is no duration: write 90s, 15m, 24h, 7d or 1h30m")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{text!r} is longer than a hundred years")
    return timedelta(seconds=seconds)


def read_time(text: str) -> datetime:
    """Reads an ISO 8601 moment; one without an offset is UTC. Raises `ValueError` as above."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: write 2026-11-24T13:56, in UTC") from None


def length(seconds: float) -> str:
    """A duration in its largest unit and one below: `850 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    whole = round(seconds)
    for size, unit, below, small in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"
