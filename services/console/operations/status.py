"""The pipeline as it is, from its processes, Kafka and MongoDB; partial while one is away."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from schemas.departments import load_departments
from schemas.topics import CONSUMED
from services.console.attention import attention
from services.console.connections import Connections
from services.console.pipeline import (
    DeadLettersStatus,
    DepartmentStatus,
    Dependency,
    DiskStatus,
    Flow,
    OutboxStatus,
    PipelineStatus,
    age,
    process_status,
    stage_status,
)
from services.deadletters.dead_letter_store import MongoDeadLetterStore
from services.deadletters.index import DeadLetterIndex
from services.deadletters.letter import DEAD_TOPIC_SUFFIX
from services.queues.count_store import MongoQueueCounts, QueueCounts
from services.receipts.receipt_store import MOST_COUNTED, Backlog, MongoReceiptStore
from services.runtime.errors import Unavailable
from services.runtime.mongo import disk_use
from services.stages.control_store import MongoControls
from services.stages.report_store import MongoReports
from services.stages.stage import STAGES, Stage

# a dependency that does not answer by then is away: whoever is on call must not wait for it
PATIENCE_SECONDS = 3.0

_ARRIVING_OVER = timedelta(minutes=1)
_CATCH_UP_SECONDS = 0.5

Answer = TypeVar("Answer")


class PipelineView:
    """Looks at the pipeline as often as asked; an async context manager.

    Looking once a second costs the pipeline next to nothing: everything is read by index or
    offset, and the queues are counted seldom (`services.queues.count_store`).
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._prefix = connections.settings.topic_prefix
        self._directory = load_departments()
        codes = [each.code for each in self._directory.departments]
        self._counts = MongoQueueCounts(connections.database, codes)
        self._letters = MongoDeadLetterStore(connections.database)
        topics = [self._prefix + topic.name for topic in CONSUMED]
        self._index = DeadLetterIndex(connections.browser, self._letters, topics)

    async def __aenter__(self) -> "PipelineView":
        return self

    async def __aexit__(self, *reason: object) -> None:
        await self._counts.__aexit__(*reason)

    async def read(self) -> PipelineStatus:
        """The status now. Never raises `Unavailable`: it says what is away, and leaves it out."""
        kafka, mongo = _Asked("Kafka"), _Asked("MongoDB")
        counting = _Asked("MongoDB")  # apart: the first count of deep queues may take long
        database = self._connections.database
        (reports, controls, backlog, counts, letters, disk), flows = await asyncio.gather(
            asyncio.gather(
                mongo.ask(MongoReports(database).read_all),
                mongo.ask(MongoControls(database).read_all),
                mongo.ask(MongoReceiptStore(database).backlog),
                counting.ask(self._counts.read),
                self._dead_letters(kafka, mongo),
                mongo.ask(lambda: disk_use(database)),
            ),
            asyncio.gather(*(kafka.ask(partial(self._flow, stage)) for stage in STAGES)),
        )
        now = self._connections.clock()
        stages = []
        for stage, flow in zip(STAGES, flows, strict=True):
            control = (controls or {}).get(stage.group_name(self._prefix))
            stages.append(stage_status(stage, self._prefix, reports, control, flow, now))
        status = PipelineStatus(
            at=now,
            attention=(),
            kafka=kafka.found(),
            mongo=mongo.found(),
            stages=tuple(stages),
            processes=tuple(process_status(each, now) for each in reports or ()),
            departments=self._departments(counts, now),
            counted_at=counts.counted_at if counts else None,
            outbox=_outbox(backlog, now),
            dead_letters=letters,
            disk=DiskStatus(*disk) if disk else None,
        )
        return replace(status, attention=attention(status))

    async def _flow(self, stage: Stage) -> Flow:
        browser, topic = self._connections.browser, stage.topic_name(self._prefix)
        recent = self._connections.clock() - _ARRIVING_OVER
        ends, committed, since = await asyncio.gather(
            browser.ends(topic),
            browser.committed(stage.group_name(self._prefix), topic),
            browser.at_time(topic, recent),
        )
        behind = {part: at for part, at in committed.items() if at < ends.get(part, 0)}
        times = await browser.first_times(topic, behind) if behind else {}
        arrived = sum(max(0, end - since.get(part, end)) for part, end in ends.items())
        return Flow(
            lag=sum(ends[part] - at for part, at in behind.items()),
            oldest_at=min(times.values(), default=None),
            arriving=arrived / _ARRIVING_OVER.total_seconds(),
        )

    async def _dead_letters(
        self, kafka: "_Asked", mongo: "_Asked"
    ) -> tuple[DeadLettersStatus, ...] | None:
        """What waits: the letters of the index, and those that could not be indexed in time."""
        await kafka.ask(self._catch_up)
        counted = await mongo.ask(partial(self._letters.count_waiting, self._index.topics))
        marks = await mongo.ask(self._letters.marks)
        if counted is None or marks is None:
            return None
        unread = await kafka.ask(partial(self._unread, marks)) or {}
        return tuple(
            DeadLettersStatus(topic.removeprefix(self._prefix), number + unread.get(topic, 0))
            for topic, number in counted.items()
        )

    async def _catch_up(self) -> None:
        try:
            async with asyncio.timeout(_CATCH_UP_SECONDS):
                await self._index.catch_up()
        except TimeoutError:
            pass  # what it read is kept, and the rest is counted by offsets
        except Unavailable as error:
            if not str(error).startswith("MongoDB"):
                raise  # Kafka's; MongoDB is asked next

    async def _unread(self, marks: dict[str, dict[int, int]]) -> dict[str, int]:
        browser = self._connections.browser

        async def unread(topic: str) -> int:
            dead_topic = topic + DEAD_TOPIC_SUFFIX
            known = marks.get(dead_topic, {})
            ends, begins = await asyncio.gather(
                browser.ends(dead_topic), browser.beginnings(dead_topic)
            )
            return sum(max(0, end - max(begins[at], known.get(at, 0))) for at, end in ends.items())

        topics = self._index.topics
        return dict(zip(topics, await asyncio.gather(*map(unread, topics)), strict=True))

    def _departments(
        self, counts: QueueCounts | None, now: datetime
    ) -> tuple[DepartmentStatus, ...] | None:
        if counts is None:
            return None
        return tuple(
            DepartmentStatus(
                each.department,
                self._directory.by_code(each.department).slug,
                each.waiting,
                each.in_flight,
                each.dead,
                age(each.oldest_at, now),
            )
            for each in counts.queues
        )


class _Asked:
    """Kafka or MongoDB while it is asked for several things; keeps the first problem."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._problem: str | None = None

    async def ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """The answer; none when it is away or takes too long."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await question()
        except TimeoutError:
            problem = f"no answer in {PATIENCE_SECONDS:g} s"
        except Unavailable as error:
            problem = str(error).removeprefix(f"{self._name}: ")
        self._problem = self._problem or problem
        return None

    def found(self) -> Dependency:
        """How it is."""
        return Dependency(self._name, self._problem)


def _outbox(backlog: Backlog | None, now: datetime) -> OutboxStatus | None:
    if backlog is None:
        return None
    return OutboxStatus(
        backlog.receipts, backlog.receipts >= MOST_COUNTED, age(backlog.oldest_at, now)
    )


async def status(connections: Connections) -> PipelineStatus:
    """The pipeline as it is now. Never raises `Unavailable`."""
    async with PipelineView(connections) as view:
        return await view.read()
