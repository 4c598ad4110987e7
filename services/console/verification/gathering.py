"""Reads what is to be judged into the ledger: receipts, topics, decisions, queues, dead letters.

The order is what makes it sound while the pipeline runs: upstream first, each stage's place between
its topic and what follows from it, dead letters after all places.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.topics import CONSUMED, PROGRESSED, RECEIVED, ROUTED, TAGGED, Topic
from services.console.connections import Connections
from services.console.verification.evidence import (
    Kind,
    Row,
    decision_row,
    letter_row,
    queued_row,
    receipt_row,
    record_row,
)
from services.console.verification.ledger import Ledger
from services.console.verification.period import READ, Period
from services.console.verification.standing import Horizon, Place
from services.deadletters.dead_letter_store import MongoDeadLetterStore
from services.deadletters.filter import Filter
from services.deadletters.index import DeadLetterIndex
from services.deadletters.letter import DeadLetter, State
from services.queues.item_state_store import MongoItemStates
from services.receipts.receipt_store import MongoReceiptStore
from services.routing.decision_store import MongoDecisionStore
from services.runtime.redrive import read_redriven
from services.stages.stage import STAGES, Stage

Advance = Callable[[int], None]

_WRITTEN_AT_ONCE = 5_000
_KINDS = {
    RECEIVED: Kind.RECEIVED,
    TAGGED: Kind.TAGGED,
    ROUTED: Kind.ROUTED,
    PROGRESSED: Kind.PROGRESSED,
}


@dataclass(slots=True)
class Gathered:
    """What there was: receipts of the period, records read, records whose key is no feedback id."""

    receipts: int = 0
    records: int = 0
    foreign: int = 0
    places: dict[str, Place] = field(default_factory=dict)


async def kept_period(connections: Connections) -> timedelta:
    """For how long every topic that is read keeps its records: as Kafka is set where that is
    shorter than what `schemas.topics` says and the database goes by. Raises `Unavailable`.
    """
    prefix, kept = connections.settings.topic_prefix, []
    for topic in READ:
        found = await connections.browser.retention(prefix + topic.name)
        kept.append(min(topic.retention, found or topic.retention))
    return min(kept)


class Gathering:
    """Fills a ledger with what one period is judged by. Every step raises `Unavailable`.

    `advance` is told how many more rows were read.
    """

    def __init__(
        self, connections: Connections, period: Period, ledger: Ledger, advance: Advance
    ) -> None:
        self._connections = connections
        self._browser = connections.browser
        self._prefix = connections.settings.topic_prefix
        self._period = period
        self._ledger = ledger
        self._advance = advance
        self.found = Gathered()

    async def expected(self) -> int:
        """About how many rows and feedbacks there will be: records, and each accepted one thrice,
        as receipt, as decision, and when it is judged.
        """
        records = [await self._length(topic) for topic in READ]
        return sum(records) + 3 * records[0]

    async def _length(self, topic: Topic) -> int:
        starts, ends = await self._span(topic)
        return sum(max(0, end - starts.get(part, end)) for part, end in ends.items())

    async def _span(self, topic: Topic) -> tuple[dict[int, int], dict[int, int]]:
        name = self._prefix + topic.name
        starts = await self._browser.at_time(name, self._period.read_from)
        return starts, await self._browser.ends(name)

    async def gather(self) -> Horizon:
        """Reads everything, in the one order that makes the judgement sound."""
        await self._receipts()
        await self._topic(RECEIVED)
        await self._topic(TAGGED)
        decisions_at = self._connections.clock() - self._period.settle
        await self._decisions()
        await self._topic(ROUTED)
        await self._topic(PROGRESSED)
        await self._letters()
        await self._queued()
        return Horizon(self._period.read_from, self._period.settle, self.found.places, decisions_at)

    async def _receipts(self) -> None:
        store = MongoReceiptStore(self._connections.database)
        async for chunk in store.accepted_between(self._period.start, self._period.end):
            await self._keep([receipt_row(each) for each in chunk])
            self.found.receipts += len(chunk)

    async def _topic(self, topic: Topic) -> None:
        """Reads a topic from the period's start to its end, then how far its stages have read."""
        name = self._prefix + topic.name
        starts, ends = await self._span(topic)
        async for rows in self._record_rows(topic, starts, ends):
            self.found.records += len(rows)
            self.found.foreign += await self._keep(rows)
        for stage in STAGES:
            if stage.topic == topic:
                self.found.places[stage.name] = await self._place(stage, name)

    async def _record_rows(
        self, topic: Topic, starts: Mapping[int, int], ends: Mapping[int, int]
    ) -> AsyncIterator[list[Row | None]]:
        rows: list[Row | None] = []
        async for record in self._browser.read(self._prefix + topic.name, starts, ends):
            place = (record.partition, record.offset, record.timestamp)
            rows.append(record_row(_KINDS[topic], record.key, place, read_redriven(record)))
            if len(rows) >= _WRITTEN_AT_ONCE:
                yield rows
                rows = []
        if rows:
            yield rows

    async def _place(self, stage: Stage, topic: str) -> Place:
        noted = self._connections.clock()
        return Place(await self._browser.committed(stage.group_name(self._prefix), topic), noted)

    async def _decisions(self) -> None:
        store = MongoDecisionStore(self._connections.database)
        now = self._connections.clock()
        async for chunk in store.decided_between(self._period.read_from, now):
            await self._keep([decision_row(each) for each in chunk])

    async def _letters(self) -> None:
        """Those that died, were redriven or were taken since the period's start."""
        store = MongoDeadLetterStore(self._connections.database)
        topics = [self._prefix + topic.name for topic in CONSUMED]
        await DeadLetterIndex(self._browser, store, topics).catch_up()
        stages = {stage.group_name(self._prefix): stage.name for stage in STAGES}
        rows: list[Row | None] = []
        async for letter in store.every(Filter(states=tuple(State))):
            if _last_change(letter) >= self._period.read_from:
                rows.append(letter_row(letter, stages.get(letter.group, letter.group)))
            if len(rows) >= _WRITTEN_AT_ONCE:
                await self._keep(rows)
                rows = []
        await self._keep(rows)

    async def _queued(self) -> None:
        """What waits since the period, so that an item which nothing led to is looked at too."""
        store = MongoItemStates(self._connections.database)
        period = self._period
        async for chunk in store.waiting_between(period.read_from, period.end):
            await self._keep([queued_row(each) for each in chunk])

    async def _keep(self, rows: Sequence[Row | None]) -> int:
        none = await self._ledger.write(rows)
        self._advance(len(rows))
        return none


def _last_change(letter: DeadLetter) -> datetime:
    times = [letter.last_at, letter.ended_at, letter.claims[-1].at if letter.claims else None]
    return max(at for at in times if at is not None)
