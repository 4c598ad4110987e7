"""The log behind topic streams: its entries, a client's place in it, and who may see what."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from schemas.codec import decode, encode
from schemas.envelope import FeedbackRouted
from schemas.feedback import Marking

# for each partition, the offset of the next entry to read; one that is left out is read from 0
Positions = Mapping[int, int]

_VERSION = "1"
_MOST_PARTITIONS = 10_000
_MOST_CURSOR_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A routed feedback as streams carry it: the event's JSON, and what decides who gets it."""

    event_id: str
    event: str
    areas: tuple[str, ...]
    holders: tuple[str, ...]
    sensitive: bool
    partition: int = 0
    offset: int = 0
    traceparent: str | None = field(default=None, compare=False)  # not kept


@dataclass(frozen=True, slots=True)
class Interest:
    """What a client asked for; without areas, everything. Sensitive feedback goes to its holders
    only: the departments on whose queue it is.
    """

    department: str
    areas: frozenset[str] = frozenset()

    def covers(self, entry: Entry) -> bool:
        """Whether the entry goes to the client."""
        if entry.sensitive and self.department not in entry.holders:
            return False
        return not self.areas or not self.areas.isdisjoint(entry.areas)


class MalformedCursor(ValueError):  # noqa: N818 - says what the text is
    """The text is no cursor of ours."""


def read_entry(payload: bytes | None) -> Entry:
    """Reads a `feedback.routed`; raises `ValueError` for anything else.

    Its JSON is written anew, so that a stream carries the fields of the contract and no others.
    """
    event = decode(payload, FeedbackRouted)
    return Entry(
        event_id=event.id,
        event=encode(event).decode(),
        areas=tuple(each.area for each in event.data.areas),
        holders=tuple(each.department for each in event.data.departments),
        sensitive=Marking.SENSITIVE in (event.dataclassification, event.data.marking),
        traceparent=event.traceparent,
    )


def locate(entry: Entry, partition: int, offset: int) -> Entry:
    """The entry with its position in the topic."""
    return replace(entry, partition=partition, offset=offset)


def write_cursor(positions: Positions) -> str:
    """Positions as the opaque id of an event: what comes after it starts there."""
    parts = ",".join(f"{partition}:{positions[partition]}" for partition in sorted(positions))
    return urlsafe_b64encode(f"{_VERSION};{parts}".encode()).decode().rstrip("=")


def read_cursor(text: str) -> dict[int, int]:
    """Reads what `write_cursor` wrote; raises `MalformedCursor`."""
    if len(text) > _MOST_CURSOR_CHARACTERS:
        raise MalformedCursor("too long")
    try:
        plain = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)).decode("ascii")
        version, _, parts = plain.partition(";")
        pairs = [part.split(":") for part in parts.split(",")] if parts else []
        positions = {_number(partition): _number(offset) for partition, offset in pairs}
    except ValueError:
        raise MalformedCursor("not written by this service") from None
    if version != _VERSION or write_cursor(positions) != text:
        raise MalformedCursor("not written by this service")
    return positions


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError("not a position")
    return int(text)


def is_behind(positions: Positions, others: Positions) -> bool:
    """Whether there may be something to read before `others` is reached."""
    return any(positions.get(partition, 0) < offset for partition, offset in others.items())


class StreamLog(Protocol):
    """Where entries are kept, by partition and offset. Every call may raise `Unavailable`.

    An event has one entry, at the offset of its first occurrence. Below the watermark of its
    partition nothing is added any more: who has read up to it has missed nothing.
    """

    async def append(self, entries: Sequence[Entry]) -> None:
        """Adds the entries that are not there yet, then moves the watermarks past all of them.

        Entries of one partition come in order of their offsets, over all calls.
        """
        ...

    async def watermarks(self) -> dict[int, int]:
        """For each partition, the offset up to which the log is complete."""
        ...

    async def read(self, partition: int, start: int, end: int, limit: int) -> list[Entry]:
        """Entries from offset `start` to before `end`, in order, at most `limit`."""
        ...

    async def can_resume(self, positions: Positions) -> bool:
        """Whether all that came after the positions is still there, and they are of this log."""
        ...
