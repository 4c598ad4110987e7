"""Queues are counted by index, by one process at a time, and seldom however often anyone asks."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from services.queues import statements
from services.queues.count_store import (
    COLLECTION,
    REST,
    REST_AFTER_FAILURE,
    MongoQueueCounts,
    QueueCount,
    QueueCounts,
)
from services.runtime.errors import Unavailable
from services.runtime.mongo import Database
from tests.builders import NOON, feedback
from tests.component.queue_stores import MongoQueues, mongo_queues, new_item

DEPARTMENTS = ("MHCLG", "DHSC", "DFE")


@pytest.fixture
async def queues(mongo_url: str, mongo_database: str) -> AsyncIterator[MongoQueues]:
    async with mongo_queues(mongo_url, mongo_database) as running:
        yield running


async def fill(queues: MongoQueues, items: int, department: str = "MHCLG") -> None:
    await queues.store.enqueue(
        [feedback(number) for number in range(items)],
        [new_item(number, department) for number in range(items)],
    )


async def ask(queues: MongoQueues) -> QueueCounts:
    async with MongoQueueCounts(queues.database, DEPARTMENTS) as counts:
        found = await counts.read()
        assert found is not None
        return found


async def age(queues: MongoQueues, seconds: float) -> None:
    """Makes the last snapshot older."""
    earlier = {"$subtract": ["$counted_at", round(seconds * 1000)]}
    await queues.database[COLLECTION].update_one({}, [{"$set": {"counted_at": earlier}}])


async def test_every_state_is_counted(queues: MongoQueues) -> None:
    started = datetime.now(UTC)
    await fill(queues, 10)
    await fill(queues, 3, "DHSC")
    leased = await queues.store.receive("MHCLG", 5, 60)
    await queues.store.acknowledge("MHCLG", [leased[0].lease])
    await queues.store.dead_letter("MHCLG", [leased[1].lease], "nobody can read it")
    await queues.store.release("MHCLG", [leased[2].lease], 60)
    await queues.store.release("MHCLG", [leased[3].lease], 0)
    counts = await ask(queues)
    mhclg, dhsc, dfe = counts.queues
    assert (mhclg.department, mhclg.waiting, mhclg.in_flight, mhclg.dead) == ("MHCLG", 6, 2, 1)
    assert (dhsc.waiting, dhsc.in_flight, dhsc.dead) == (3, 0, 0)
    assert dfe == QueueCount("DFE", 0, 0, 0, None)
    slack = timedelta(seconds=1)
    for each in (mhclg, dhsc):
        assert each.oldest_at is not None
        assert started - slack <= each.oldest_at <= counts.counted_at + slack


async def test_the_oldest_is_found_behind_a_lease(queues: MongoQueues) -> None:
    await fill(queues, 4)
    await queues.advance(600)
    await queues.store.receive("MHCLG", 4, 3_600)
    counts = await ask(queues)
    assert counts.queues[0].oldest_at is not None
    assert (counts.counted_at - counts.queues[0].oldest_at).total_seconds() >= 600


async def test_a_fresh_snapshot_is_not_counted_again(queues: MongoQueues) -> None:
    first = await ask(queues)
    await fill(queues, 2)
    assert await ask(queues) == first
    await age(queues, 3)
    assert (await ask(queues)).queues[0].waiting == 2


async def test_a_count_that_took_long_rests_longer(queues: MongoQueues) -> None:
    await ask(queues)
    await queues.database[COLLECTION].update_one({}, {"$set": {"took": 2.0}})
    await fill(queues, 2)
    await age(queues, 2.0 * REST - 5)
    assert (await ask(queues)).queues[0].waiting == 0
    await age(queues, 10)
    assert (await ask(queues)).queues[0].waiting == 2


async def test_many_that_ask_at_once_share_one_count(queues: MongoQueues) -> None:
    await fill(queues, 5)
    answers = await asyncio.gather(*(ask(queues) for _ in range(8)))
    assert answers == [answers[0]] * 8
    assert answers[0].queues[0].waiting == 5


async def test_while_another_counts_the_last_snapshot_is_told(queues: MongoQueues) -> None:
    before = await ask(queues)
    await fill(queues, 5)
    await age(queues, 5)
    counting = {"token": "another", "until": datetime.now(UTC) + timedelta(minutes=1)}
    await queues.database[COLLECTION].update_one({}, {"$set": {"counting": counting}})
    answer = await ask(queues)
    assert answer.queues == before.queues
    assert answer.counted_at == before.counted_at - timedelta(seconds=5)


async def test_a_killed_counter_is_replaced_when_its_time_is_over(queues: MongoQueues) -> None:
    await fill(queues, 5)
    counting = {"token": "killed", "until": NOON - timedelta(days=9_000)}
    await queues.database[COLLECTION].insert_one({"_id": "departments", "counting": counting})
    assert (await ask(queues)).queues[0].waiting == 5


class Slow(MongoQueueCounts):
    """Counts no sooner than it may; fails instead while it is told to."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, DEPARTMENTS)
        self.may = asyncio.Event()
        self.fails = False
        self.counted = 0

    async def _count(self, now: datetime) -> QueueCounts:
        self.counted += 1
        if self.fails:
            raise Unavailable("MongoDB: too slow")
        await self.may.wait()
        return await super()._count(now)


async def test_a_first_count_that_is_given_up_is_rested_from(queues: MongoQueues) -> None:
    await fill(queues, 5)
    async with Slow(queues.database) as counts:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(counts.read(), 0.5)
    assert counts.counted == 1
    snapshot = await queues.database[COLLECTION].find_one()
    assert snapshot is not None
    assert "counting" not in snapshot
    assert snapshot["failed"]["took"] >= 0.4
    async with MongoQueueCounts(queues.database, DEPARTMENTS) as others:
        assert await others.read() is None
    took = timedelta(seconds=REST_AFTER_FAILURE * snapshot["failed"]["took"] + 1)
    earlier = {"$set": {"failed.at": snapshot["failed"]["at"] - took}}
    await queues.database[COLLECTION].update_one({}, earlier)
    assert (await ask(queues)).queues[0].waiting == 5
    await age(queues, 3)
    await fill(queues, 7)
    assert (await ask(queues)).queues[0].waiting == 7, "the failure is forgotten"


async def test_a_count_that_fails_is_rested_from_and_the_last_one_told(queues: MongoQueues) -> None:
    before = await ask(queues)
    await age(queues, 3_600)
    async with Slow(queues.database) as counts:
        counts.fails = True
        for _ in range(5):
            found = await counts.read()
            assert found is not None
            assert found.queues == before.queues
    assert counts.counted == 1


async def test_a_snapshot_of_any_age_is_told_while_a_count_takes_long(queues: MongoQueues) -> None:
    before = await ask(queues)
    await age(queues, 90_000)
    await fill(queues, 5)
    async with Slow(queues.database) as counts:
        found = await asyncio.wait_for(counts.read(), 10)
        assert found is not None
        assert found.counted_at == before.counted_at - timedelta(seconds=90_000)
        counts.may.set()
        await counts.finish(10)
    assert (await ask(queues)).queues[0].waiting == 5, "it ended before its context did"
    assert counts.counted == 1


async def test_a_new_department_is_counted_at_once(queues: MongoQueues) -> None:
    async with MongoQueueCounts(queues.database, ["DHSC"]) as counts:
        await counts.read()
    await fill(queues, 2)
    assert (await ask(queues)).queues[0].waiting == 2


@pytest.mark.parametrize(
    "query",
    [
        statements.unsettled("MHCLG"),
        statements.not_yet("MHCLG", NOON),
        statements.dead("MHCLG"),
    ],
    ids=["unsettled", "in flight", "dead"],
)
async def test_no_document_is_read_to_count(queues: MongoQueues, query: statements.Filter) -> None:
    await fill(queues, 50)
    answer = await queues.database.command(
        "explain", {"count": "queue_items", "query": query}, verbosity="executionStats"
    )
    assert answer["executionStats"]["totalDocsExamined"] == 0
    assert "COLLSCAN" not in str(answer["queryPlanner"]["winningPlan"])
