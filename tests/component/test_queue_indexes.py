"""A claim reads its candidates by index, in order of turn, and nothing besides them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.queues import documents, statements
from services.queues.item import BUCKETS
from services.queues.mongo_store import ensure_indexes
from tests.builders import feedback
from tests.component.queue_stores import KEEP, MongoQueues, mongo_queues, new_item

WAITING = 400


@pytest.fixture
async def queues(mongo_url: str, mongo_database: str) -> AsyncIterator[MongoQueues]:
    async with mongo_queues(mongo_url, mongo_database) as running:
        numbers = range(WAITING)
        await running.store.enqueue(
            [feedback(each) for each in numbers], [new_item(each) for each in numbers]
        )
        yield running


async def explain(queues: MongoQueues, buckets: list[int]) -> dict[str, Any]:
    answer = await queues.database.command(
        "explain",
        {
            "find": "queue_items",
            "filter": statements.ready_in("MHCLG", buckets),
            "projection": {"_id": 1},
            "sort": {"visible_at": 1},
            "limit": 50,
        },
        verbosity="executionStats",
    )
    return dict(answer)


def stages(plan: dict[str, Any]) -> list[dict[str, Any]]:
    below = [plan[name] for name in ("inputStage",) if name in plan] + plan.get("inputStages", [])
    return [plan, *(stage for each in below for stage in stages(each))]


@pytest.mark.parametrize("buckets", [[3], list(range(BUCKETS))], ids=["one bucket", "all buckets"])
async def test_candidates_come_from_the_index_in_order(
    queues: MongoQueues, buckets: list[int]
) -> None:
    answer = await explain(queues, buckets)
    used = {
        stage["indexName"]
        for stage in stages(answer["queryPlanner"]["winningPlan"])
        if stage["stage"] == "IXSCAN"
    }
    assert used == {statements.READY_INDEX}
    names = {stage["stage"] for stage in stages(answer["queryPlanner"]["winningPlan"])}
    assert "SORT" not in names, "the index must bring the order"
    executed = answer["executionStats"]
    assert executed["nReturned"] <= 50
    assert executed["totalDocsExamined"] <= executed["nReturned"]
    assert executed["totalKeysExamined"] <= executed["nReturned"] + 2 * BUCKETS


async def test_leased_items_are_not_read_by_the_next_claim(queues: MongoQueues) -> None:
    while await queues.store.receive("MHCLG", 100, 60):
        pass
    executed = (await explain(queues, list(range(BUCKETS))))["executionStats"]
    assert executed["totalDocsExamined"] == 0
    assert executed["totalKeysExamined"] <= 2 * BUCKETS


async def test_finished_items_are_in_no_index_of_the_queue(queues: MongoQueues) -> None:
    items = await queues.store.receive("MHCLG", WAITING, 60)
    await queues.store.acknowledge("MHCLG", [item.lease for item in items])
    executed = (await explain(queues, list(range(BUCKETS))))["executionStats"]
    assert executed["totalKeysExamined"] == 0


async def test_indexes_may_be_made_again(queues: MongoQueues) -> None:
    before = await queues.database["queue_items"].index_information()
    await ensure_indexes(queues.database, KEEP)
    assert await queues.database["queue_items"].index_information() == before


async def test_only_items_that_are_settled_and_published_expire(queues: MongoQueues) -> None:
    indexes = await queues.database["queue_items"].index_information()
    [expiring] = [each for each in indexes.values() if "expireAfterSeconds" in each]
    assert expiring["key"] == [("settlement.at", 1)]
    assert expiring["partialFilterExpression"] == {"progress": documents.PUBLISHED}
    assert expiring["expireAfterSeconds"] == KEEP.total_seconds()
    texts = await queues.database["feedback"].index_information()
    assert list(texts) == ["_id_"]
