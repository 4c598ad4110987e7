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
from services.console.connections import Connections, by_server_time
from services.console.pipeline import (
    DeadLettersStatus,
    DepartmentStatus,
    Dependency,
    DiskStatus,
    Flow,
    OutboxStatus,
    PipelineStatus,
    StageStatus,
    age,
    process_status,
    stage_status,
)
from services.deadletters.dead_letter_store import MongoDeadLetterStore
from services.deadletters.index import DeadLetterIndex
from services.deadletters.letter import DEAD_TOPIC_SUFFIX
from services.queues.count_store import MongoQueueCounts, QueueCounts
from services.receipts.receipt_store import MOST_COUNTED, Backlog, MongoReceiptStore
from services.runtime.controls import Control
from services.runtime.errors import Unavailable
from services.runtime.mongo import disk_use
from services.stages.control_store import MongoControls
from services.stages.report import Report
from services.stages.report_store import MongoReports
from services.stages.stage import STAGES, Stage

# a dependency that does not answer by then is away: whoever is on call must not wait for it
PATIENCE_SECONDS = 3.0
# where there is no count of the queues yet, one look may wait for it: without it there is nothing
FIRST_COUNT_SECONDS = 20.0

_CLOCK_SECONDS = 0.5
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

    async def finish_count(self) -> None:
        """Lets a count of the queues that is under way end, so that the next look finds it."""
        await self._counts.finish(FIRST_COUNT_SECONDS)

    async def read(self, first_count_seconds: float = PATIENCE_SECONDS) -> PipelineStatus:
        """The status now, by MongoDB's clock while it answers. Never raises `Unavailable`: it says
        what is away, and leaves it out. Where the queues were never counted it waits for that.
        """
        kafka, mongo = _Asked("Kafka"), _Asked("MongoDB")
        database = self._connections.database
        # apart: the first count of deep queues may take long
        asked = _Asked("MongoDB", first_count_seconds).ask(self._counts.read)
        counting = asyncio.create_task(asked)
        clock = asyncio.create_task(mongo.ask(partial(by_server_time, self._connections)))
        (reports, controls, backlog, letters, disk), flows = await asyncio.gather(
            asyncio.gather(
                mongo.ask(MongoReports(database).read_all),
                mongo.ask(MongoControls(database).read_all),
                mongo.ask(MongoReceiptStore(database).backlog),
                self._dead_letters(kafka, mongo),
                mongo.ask(lambda: disk_use(database)),
            ),
            asyncio.gather(*(kafka.ask(partial(self._flow, stage, clock)) for stage in STAGES)),
        )
        if mongo.found().problem:
            counting.cancel()  # it would wait in vain
        await asyncio.wait({counting})
        counts = None if counting.cancelled() else counting.result()
        now = (await clock or self._connections).clock()
        status = PipelineStatus(
            at=now,
            attention=(),
            kafka=kafka.found(),
            mongo=mongo.found(),
            stages=self._stages(reports, controls or {}, flows, now),
            processes=tuple(process_status(each, now) for each in reports or ()),
            departments=self._departments(counts, now),
            counted_at=counts.counted_at if counts else None,
            outbox=_outbox(backlog, now),
            dead_letters=letters,
            disk=DiskStatus(*disk) if disk else None,
        )
        return replace(status, attention=attention(status))

    async def _flow(self, stage: Stage, clock: "asyncio.Task[Connections | None]") -> Flow:
        browser, topic = self._connections.browser, stage.topic_name(self._prefix)
        await asyncio.wait({clock}, timeout=_CLOCK_SECONDS)
        known = clock.result() if clock.done() else None
        recent = (known or self._connections).clock() - _ARRIVING_OVER
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
        counted, marks = await asyncio.gather(
            mongo.ask(partial(self._letters.count_waiting, self._index.topics)),
            mongo.ask(self._letters.marks),
        )
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

    def _stages(
        self,
        reports: list[Report] | None,
        controls: dict[str, Control],
        flows: list[Flow | None],
        now: datetime,
    ) -> tuple[StageStatus, ...]:
        prefix = self._prefix
        return tuple(
            stage_status(stage, prefix, reports, controls.get(stage.group_name(prefix)), flow, now)
            for stage, flow in zip(STAGES, flows, strict=True)
        )

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

    def __init__(self, name: str, patience: float = PATIENCE_SECONDS) -> None:
        self._name = name
        self._patience = patience
        self._problem: str | None = None

    async def ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """The answer; none when it is away or takes too long."""
        try:
            async with asyncio.timeout(self._patience):
                return await question()
        except TimeoutError:
            problem = f"no answer in {self._patience:g} s"
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
