"""Keeps the index of dead letters up with the `.dead` topics, whenever somebody asks for them."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing

import structlog

from services.deadletters.letter import (
    DEAD_TOPIC_SUFFIX,
    DeadLetter,
    DeadRecord,
    NoDeadLetter,
    read_letter,
)
from services.deadletters.store import DeadLetterStore
from services.runtime.browse import Browser

_AT_ONCE = 500

log = structlog.get_logger(__name__)


class DeadLetterIndex:
    """Reads what is new in the `.dead` topics from where the last reading ended.

    `topics` are the origins' whole names. Several may catch up at once: what one adds twice counts
    once, and a mark moves only after what is before it is kept.
    """

    def __init__(self, browser: Browser, store: DeadLetterStore, topics: Sequence[str]) -> None:
        self._browser = browser
        self._store = store
        self.topics = tuple(topics)

    async def catch_up(self) -> int:
        """Says how many letters were new or had died again.

        Raises `Unavailable` when Kafka or MongoDB is away; what was read until then is kept.
        """
        marks = await self._store.marks()
        found = 0
        for topic in self.topics:
            dead_topic = topic + DEAD_TOPIC_SUFFIX
            found += await self._read(dead_topic, marks.get(dead_topic, {}))
        return found

    async def _read(self, dead_topic: str, marks: Mapping[int, int]) -> int:
        ends = await self._browser.ends(dead_topic)
        starts = {part: marks.get(part, 0) for part in ends}
        # a mark beyond the end is that of a topic that was deleted and made anew
        starts = {part: start if start <= ends[part] else 0 for part, start in starts.items()}
        behind = {part: start for part, start in starts.items() if start < ends[part]}
        if not behind:
            return 0
        found = 0
        letters: list[DeadLetter] = []
        reached: dict[int, int] = {}
        async with aclosing(self._browser.read(dead_topic, behind, ends)) as records:
            async for record in records:
                if letter := _letter(record):
                    letters.append(letter)
                reached[record.partition] = record.offset + 1
                if len(letters) >= _AT_ONCE:
                    found += await self._store.add(letters)
                    await self._store.set_marks(dead_topic, reached)
                    letters, reached = [], {}
        found += await self._store.add(letters)
        await self._store.set_marks(dead_topic, {part: ends[part] for part in behind})
        return found


def _letter(record: DeadRecord) -> DeadLetter | None:
    try:
        return read_letter(record)
    except NoDeadLetter as error:
        log.warning(
            "not a dead letter of ours",
            action="index_dead_letters",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            problem=str(error),
        )
        return None
