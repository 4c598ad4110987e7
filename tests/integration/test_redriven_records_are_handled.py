"""Records that a consumer gave up, redriven on a real broker: handled once, by that group alone."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.envelope import FeedbackReceived
from services.deadletters import dead_letter_store
from services.deadletters.dead_letter_store import MongoDeadLetterStore
from services.deadletters.filter import Filter
from services.deadletters.index import DeadLetterIndex
from services.deadletters.letter import State
from services.deadletters.redrive import Redrive
from services.deadletters.redrive_store import MongoRedriveStore
from services.deadletters.redriving import Kafka, Redriving
from services.runtime.browse import Browser
from services.runtime.errors import Permanent
from services.runtime.kafka import Producer
from services.runtime.metrics import Metrics
from services.runtime.mongo import Database
from tests.builders import feedback_id
from tests.console import open_database
from tests.delivery import Topic
from tests.waiting import until

RECORDS = 30
DYING = {feedback_id(number) for number in range(10)}


@pytest.fixture
async def database(mongo_url: str, mongo_database: str) -> AsyncIterator[Database]:
    opened = open_database(mongo_url, mongo_database)
    await dead_letter_store.ensure_indexes(opened, timedelta(days=90))
    yield opened
    opened.client.close()


class Desk:
    """An operator's desk for one topic."""

    def __init__(self, topic: Topic, database: Database, browser: Browser, producer: Any) -> None:
        self.topic = topic
        self.letters = MongoDeadLetterStore(database)
        self.redrives = MongoRedriveStore(database)
        self.index = DeadLetterIndex(browser, self.letters, (topic.name,))
        self.redriving = Redriving(
            self.letters,
            self.redrives,
            Kafka(browser, producer, 1_000_000),
            "desk",
            lambda: datetime.now(UTC),
        )

    @classmethod
    @asynccontextmanager
    async def of(cls, topic: Topic, database: Database) -> AsyncIterator["Desk"]:
        settings = topic.settings()
        async with Browser(settings) as browser, Producer(settings, "desk", Metrics()) as producer:
            yield cls(topic, database, browser, producer)

    async def waiting(self, count: int) -> None:
        async def found() -> bool:
            await self.index.catch_up()
            return await self.letters.count(Filter()) == count

        await until(found, f"{count} letters to wait")

    async def redrive(self, name: str) -> Redrive:
        now = datetime.now(UTC)
        order = Redrive(name, "olga", "mended", Filter(), now, None, None, len(DYING))
        assert await self.redrives.create(order, name)
        return await self.redriving.run(name)


class Handler:
    """Gives up what is in `dying`, and remembers what it handled."""

    def __init__(self, dying: set[str]) -> None:
        self.dying = dying
        self.handled: list[str] = []

    async def __call__(self, events: Sequence[FeedbackReceived]) -> None:
        if any(event.subject in self.dying for event in events):
            raise Permanent("there is no rule for this")
        self.handled += [event.subject for event in events]


async def test_dying_again_and_mended_at_last_each_is_handled_once(
    topic: Topic, database: Database
) -> None:
    first, second = Handler(set(DYING)), Handler(set())
    other = Topic(topic.servers, topic.name.removesuffix("feedback.received"))
    other.group += "-other"
    async with (
        topic.subscribed(first, fuse_dead=1_000),
        other.subscribed(second, fuse_dead=1_000),
        Desk.of(topic, database) as desk,
    ):
        await topic.write_feedback(range(RECORDS))
        await until(lambda: len(second.handled) == RECORDS, "the other group to handle all")
        await desk.waiting(len(DYING))
        ids = sorted([each.id async for each in desk.letters.every(Filter())])

        assert (await desk.redrive("too early")).redriven == len(DYING)
        await desk.waiting(len(DYING))
        again = [each async for each in desk.letters.every(Filter())]
        assert sorted(each.id for each in again) == ids, "a letter is the same one for good"
        assert all(each.died_again and each.redrives == 1 for each in again)

        first.dying.clear()
        await desk.redrive("mended")
        await until(lambda: len(first.handled) == RECORDS, "all to be handled")
        ends = RECORDS + 2 * len(DYING)

        async def everything_read() -> bool:
            return await topic.committed() == await topic.committed(other.group) == ends

        await until(everything_read, "both groups to read everything")
        await desk.index.catch_up()
        assert await desk.letters.count(Filter(states=(State.REDRIVEN,))) == len(DYING)
    for handler in (first, second):
        assert sorted(handler.handled) == sorted(feedback_id(each) for each in range(RECORDS))
