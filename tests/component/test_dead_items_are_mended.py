"""Dead queue items on the real database: put back they are as new, discarded they are kept."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.queues.dead_item import DeadItemFilter, Discarded, query
from services.queues.dead_item_store import MongoDeadItems
from services.queues.item import Result, State
from services.queues.store import LeaseRef
from tests.builders import feedback, feedback_id
from tests.component.queue_stores import MongoQueues, mongo_queues, new_item

HOUSING, HEALTH = "MHCLG", "DHSC"
DEAD = DeadItemFilter((HOUSING,))
GONE = Discarded("olga", datetime(2026, 11, 2, tzinfo=UTC), "withdrawn by the charity")


@pytest.fixture
async def queues(mongo_url: str, mongo_database: str) -> AsyncIterator[MongoQueues]:
    async with mongo_queues(mongo_url, mongo_database) as running:
        yield running


async def dead_items(
    queues: MongoQueues, count: int = 3, department: str = HOUSING, reason: str = "no team"
) -> list[LeaseRef]:
    """Items that a department declared dead, with the leases that it had."""
    numbers = range(1, count + 1)
    await queues.store.enqueue(
        [feedback(each) for each in numbers], [new_item(each, department) for each in numbers]
    )
    leases = [each.lease for each in await queues.store.receive(department, count, 60)]
    await queues.store.dead_letter(department, leases, reason)
    return leases


async def test_a_dead_item_says_what_it_was_and_why_it_died(queues: MongoQueues) -> None:
    [lease] = await dead_items(queues, 1)
    items = MongoDeadItems(queues.database)
    [found] = await items.page(DEAD, 10)
    assert (found.id, found.feedback_id, found.state) == (
        lease.item_id,
        feedback_id(1),
        State.DEAD,
    )
    assert (found.reason, found.reason_is_theirs) == ("no team", True)
    assert (found.receive_count, found.redrives) == (1, 0)
    assert await items.find(found.id) == found
    assert await items.find("no such item") is None


async def test_put_back_an_item_is_as_new_and_old_leases_have_no_effect(
    queues: MongoQueues,
) -> None:
    [lease] = await dead_items(queues, 1)
    items = MongoDeadItems(queues.database)
    assert await items.redrive(DEAD, 10) == 1
    assert await items.redrive(DEAD, 10) == 0, "a second time it waits already"
    assert await queues.store.acknowledge(HOUSING, [lease]) == [Result.LOST]
    [again] = await queues.store.receive(HOUSING, 10, 60)
    assert (again.item_id, again.receive_count) == (lease.item_id, 1)
    assert (await queues.store.depth(HOUSING)).dead == 0
    assert await queues.store.acknowledge(HOUSING, [again.lease]) == [Result.DONE]


async def test_put_back_an_item_is_as_old_as_it_was(queues: MongoQueues) -> None:
    await dead_items(queues, 1)
    await queues.advance(600)
    newer = feedback(2, received_at=datetime.now(UTC))
    await queues.store.enqueue([newer], [new_item(2)])
    await MongoDeadItems(queues.database).redrive(DEAD, 10)
    depth = await queues.store.depth(HOUSING)
    assert depth.oldest_age_seconds == pytest.approx(600, abs=5)
    received = await queues.store.receive(HOUSING, 10, 60)
    assert {each.receive_count for each in received} == {1}
    assert len(received) == 2


async def test_it_may_be_received_the_most_times_again_before_it_dies_again(
    queues: MongoQueues,
) -> None:
    await queues.store.enqueue([feedback(1)], [new_item(1)])
    items = MongoDeadItems(queues.database)
    for redrives in (0, 1):
        for _ in range(5):
            assert await queues.store.receive(HOUSING, 1, 60)
            await queues.advance(61)
        assert await queues.store.receive(HOUSING, 1, 60) == []
        [dead] = await items.page(DEAD, 10)
        assert (dead.redrives, dead.receive_count) == (redrives, 5)
        assert not dead.reason_is_theirs
        assert await items.count(replace(DEAD, reason="5 times")) == 1
        assert await items.redrive(DEAD, 10) == 1


async def test_a_discarded_item_is_kept_and_can_be_put_back_after_all(queues: MongoQueues) -> None:
    await dead_items(queues)
    items = MongoDeadItems(queues.database)
    assert await items.discard(DEAD, 2, GONE) == 2
    assert await items.count(DEAD) == 1
    discarded = replace(DEAD, state=State.DISCARDED)
    found = await items.page(discarded, 10)
    assert [each.discarded for each in found] == [GONE, GONE]
    assert found[0].reason == "no team"
    assert (await queues.store.depth(HOUSING)).waiting == 0
    assert await items.redrive(replace(discarded, ids=(found[0].id,)), 10) == 1
    [again] = await queues.store.receive(HOUSING, 10, 60)
    assert again.item_id == found[0].id


async def test_filters_find_what_they_say(queues: MongoQueues) -> None:
    await dead_items(queues, 2)
    await dead_items(queues, 1, HEALTH, "a [bracket]")
    items = MongoDeadItems(queues.database)
    both = DeadItemFilter((HOUSING, HEALTH))
    now = datetime.now(UTC)

    async def count(only: DeadItemFilter = both, **changes: Any) -> int:
        return await items.count(replace(only, **changes))

    assert await items.piles(both) == {HOUSING: 2, HEALTH: 1}
    assert await count(DEAD) == 2
    assert await count(reason="A [BRACK", their_words=True) == 1
    assert await count(reason="A [BRACK") == 0, "a department wrote it"
    assert await count(reason=".", their_words=True) == 0
    assert await count(died_before=now - timedelta(minutes=5)) == 0
    assert await count(died_since=now - timedelta(minutes=5)) == 3
    assert await count(ids=(f"{feedback_id(1)}:{HEALTH}",)) == 1
    seen: list[str] = []
    while page := await items.page(both, 2, seen[-1] if seen else None):
        seen += [each.id for each in page]
    assert len(seen) == len(set(seen)) == 3


@pytest.mark.parametrize("departments", [(HOUSING,), (HOUSING, HEALTH)])
@pytest.mark.parametrize("state", [State.DEAD, State.DISCARDED])
async def test_dead_items_are_found_by_index(
    queues: MongoQueues, departments: tuple[str, ...], state: State
) -> None:
    await dead_items(queues)
    plan = await queues.database.command(
        "explain",
        {
            "find": "queue_items",
            "filter": query(DeadItemFilter(departments, state)),
            "sort": {"settlement.at": -1, "_id": 1},
            "limit": 10,
        },
    )
    assert f"'indexName': '{state}'" in str(plan["queryPlanner"]["winningPlan"])
