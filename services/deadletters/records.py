"""Reads the whole records of dead letters out of their `.dead` topics."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from services.deadletters.letter import DeadLetter, DeadRecord, NoDeadLetter, read_letter
from services.runtime.browse import Browser

# reading what lies between letters is cheaper than asking for each, up to so many records for one
_MOST_BETWEEN = 20

TAKEN = "retention has taken its record"
REPLACED = "another record has its place: its topic was made anew"


class RecordReader:
    """Finds records by their letters' places."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    async def read(self, letters: Sequence[DeadLetter]) -> dict[str, DeadRecord]:
        """The records by letter id, without those that are not there: `gone` says why.

        Raises `Unavailable` when Kafka is away.
        """
        found: dict[str, DeadRecord] = {}
        ordered = sorted(letters, key=lambda each: each.dead_topic)
        for dead_topic, group in groupby(ordered, key=lambda each: each.dead_topic):
            found |= await self._read(dead_topic, list(group))
        return found

    async def one(self, letter: DeadLetter) -> DeadRecord | None:
        """The record of one letter; `None` when it is not there."""
        record: DeadRecord | None = await self._browser.one(
            letter.dead_topic, letter.dead_partition, letter.dead_offset
        )
        return record if record is not None and _is_of(record, letter) else None

    async def gone(self, letter: DeadLetter) -> str | None:
        """Why the record of a letter is gone for good; `None` when it may be there after all."""
        begins = await self._browser.beginnings(letter.dead_topic)
        if letter.dead_offset < begins.get(letter.dead_partition, 0):
            return TAKEN
        record = await self._browser.one(
            letter.dead_topic, letter.dead_partition, letter.dead_offset
        )
        return None if record is None or _is_of(record, letter) else REPLACED

    async def _read(self, dead_topic: str, letters: list[DeadLetter]) -> dict[str, DeadRecord]:
        starts, ends = _span(letters)
        between = sum(ends[part] - start for part, start in starts.items())
        if between > _MOST_BETWEEN * len(letters):
            records = {each.id: await self.one(each) for each in letters}
            return {name: record for name, record in records.items() if record is not None}
        there = await self._browser.ends(dead_topic)
        ends = {part: min(end, there.get(part, 0)) for part, end in ends.items()}
        places = {(each.dead_partition, each.dead_offset): each for each in letters}
        found: dict[str, DeadRecord] = {}
        async for record in self._browser.read(dead_topic, starts, ends):
            letter = places.get((record.partition, record.offset))
            if letter is not None and _is_of(record, letter):
                found[letter.id] = record
        return found


def _span(letters: Sequence[DeadLetter]) -> tuple[Mapping[int, int], dict[int, int]]:
    """From the first to after the last letter of each partition."""
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    for each in letters:
        part, offset = each.dead_partition, each.dead_offset
        starts[part] = min(offset, starts.get(part, offset))
        ends[part] = max(offset + 1, ends.get(part, 0))
    return starts, ends


def _is_of(record: DeadRecord, letter: DeadLetter) -> bool:
    """Whether it is the letter's record still: a topic made anew has others at its places."""
    try:
        return read_letter(record).id == letter.id
    except NoDeadLetter:
        return False
