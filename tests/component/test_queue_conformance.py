"""What every queue store promises; the same tests hold the in-memory and the MongoDB store."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from schemas.feedback import Marking
from schemas.routing import Role
from services.queues.item import Result, item_id
from services.queues.store import LeasedItem, LeaseRef
from tests.builders import NOON, feedback, feedback_id
from tests.component.queue_stores import (
    MemoryQueues,
    Queues,
    in_turn,
    lease,
    mongo_queues,
    new_item,
)

HOUSING = "MHCLG"
DONE, ALREADY, LOST, UNKNOWN = Result.DONE, Result.ALREADY_DONE, Result.LOST, Result.UNKNOWN


@pytest.fixture(params=["memory", "mongo"])
async def queues(request: pytest.FixtureRequest) -> AsyncIterator[Queues]:
    if request.param == "memory":
        yield MemoryQueues()
        return
    url = request.getfixturevalue("mongo_url")
    async with mongo_queues(url, request.getfixturevalue("mongo_database")) as running:
        yield running


async def fill(queues: Queues, count: int = 1) -> None:
    feedbacks = in_turn(feedback(number) for number in range(1, count + 1))
    await queues.store.enqueue(feedbacks, [new_item(each) for each in range(1, count + 1)])


async def take(queues: Queues, count: int = 1, seconds: float = 60) -> list[LeasedItem]:
    items = await queues.store.receive(HOUSING, count, seconds)
    assert len(items) == count
    return items


async def take_one(queues: Queues, seconds: float = 60) -> LeasedItem:
    return (await take(queues, 1, seconds))[0]


async def test_enqueue_says_which_items_are_new(queues: Queues) -> None:
    first = await queues.store.enqueue([feedback(1)], [new_item(1)])
    second = await queues.store.enqueue(
        [feedback(1), feedback(2)], [new_item(1), new_item(1, "DWP"), new_item(2), new_item(2)]
    )
    assert first == {item_id(feedback_id(1), HOUSING)}
    assert second == {item_id(feedback_id(1), "DWP"), item_id(feedback_id(2), HOUSING)}
    assert await queues.store.enqueue([], []) == frozenset()


async def test_an_item_needs_its_feedback(queues: Queues) -> None:
    with pytest.raises(KeyError):
        await queues.store.enqueue([feedback(1)], [new_item(2)])


async def test_receive_right_after_enqueue_gets_the_item_with_the_whole_feedback(
    queues: Queues,
) -> None:
    said = feedback(
        1,
        text="Costs are $5 a head.\n“Dear” $NOW, ŵŷ 🏠",
        place={"postcode": "LS6 3AB"},
        observed_at="2026-10-31",
        provenance={"method": "drop-in sessions", "people": 42},
        received_at=NOON + timedelta(microseconds=123_000),
    )
    await queues.store.enqueue(
        [said], [new_item(1, role=Role.COPIED, areas=("housing", "benefits"))]
    )
    item = await take_one(queues)
    assert (item.item_id, item.receive_count) == (item_id(said.id, HOUSING), 1)
    assert (item.role, item.areas) == (Role.COPIED, ("housing", "benefits"))
    assert (item.because, item.rule) == ("It is about housing.", "area/housing/lead")
    assert item.feedback["id"] == said.id
    assert type(said).model_validate(item.feedback) == said.model_copy(
        update={"received_at": item.feedback["received_at"]}
    )
    assert abs(item.feedback["received_at"] - said.received_at) < timedelta(milliseconds=1)


async def test_enqueue_again_changes_nothing_whatever_the_state(queues: Queues) -> None:
    await fill(queues, 3)
    taken = await take(queues, 2)
    await queues.store.acknowledge(HOUSING, [taken[0].lease])
    changed = [feedback(number, text="Changed.") for number in (1, 2, 3)]
    assert not await queues.store.enqueue(changed, [new_item(each) for each in (1, 2, 3)])
    left = await take_one(queues)
    assert left.feedback["text"] == feedback(3).text
    assert await queues.store.receive(HOUSING, 10, 60) == []


async def test_departments_see_their_own_items_only(queues: Queues) -> None:
    await queues.store.enqueue([feedback(1)], [new_item(1, HOUSING), new_item(1, "DWP")])
    for department in (HOUSING, "DWP"):
        items = await queues.store.receive(department, 10, 60)
        assert [item.item_id for item in items] == [item_id(feedback_id(1), department)]
    assert await queues.store.receive("DFE", 10, 60) == []


async def test_another_departments_lease_is_unknown(queues: Queues) -> None:
    await fill(queues)
    item = await take_one(queues)
    assert await queues.store.acknowledge("DWP", [item.lease]) == [UNKNOWN]
    assert await queues.store.acknowledge(HOUSING, [item.lease]) == [DONE]


async def test_receive_gives_at_most_what_was_asked_the_oldest_first(queues: Queues) -> None:
    await fill(queues, 7)
    first = await queues.store.receive(HOUSING, 5, 60)
    rest = await queues.store.receive(HOUSING, 5, 60)
    order = [item.feedback["id"] for item in first + rest]
    assert order == [feedback_id(number) for number in range(1, 8)]
    assert len(first) == 5


async def test_a_leased_item_comes_back_when_the_lease_expires(queues: Queues) -> None:
    await fill(queues)
    first = await take_one(queues, seconds=60)
    await queues.advance(55)
    assert await queues.store.receive(HOUSING, 1, 60) == []
    await queues.advance(6)
    again = await take_one(queues)
    assert again.item_id == first.item_id
    assert again.lease_token != first.lease_token
    assert again.receive_count == 2


async def test_acknowledging_twice_is_success_and_another_token_is_lost(queues: Queues) -> None:
    await fill(queues)
    item = await take_one(queues)
    assert await queues.store.acknowledge(HOUSING, [item.lease]) == [DONE]
    assert await queues.store.acknowledge(HOUSING, [item.lease]) == [ALREADY]
    assert await queues.store.acknowledge(HOUSING, [lease(1, "another")]) == [LOST]
    await queues.advance(1_000)
    assert await queues.store.receive(HOUSING, 1, 60) == []
    assert await queues.store.extend(HOUSING, [item.lease], 60) == [ALREADY]
    assert await queues.store.release(HOUSING, [item.lease], 0) == [ALREADY]
    assert await queues.store.dead_letter(HOUSING, [item.lease], "late") == [ALREADY]


async def test_an_expired_lease_that_nobody_took_may_be_acknowledged(queues: Queues) -> None:
    await fill(queues)
    item = await take_one(queues, seconds=10)
    await queues.advance(11)
    assert await queues.store.extend(HOUSING, [item.lease], 60) == [LOST]
    assert await queues.store.acknowledge(HOUSING, [item.lease]) == [DONE]


async def test_an_old_token_has_no_effect_once_the_item_was_taken_again(queues: Queues) -> None:
    await fill(queues)
    old = await take_one(queues, seconds=10)
    await queues.advance(11)
    new = await take_one(queues)
    store = queues.store
    assert await store.acknowledge(HOUSING, [old.lease]) == [LOST]
    assert await store.extend(HOUSING, [old.lease], 60) == [LOST]
    assert await store.release(HOUSING, [old.lease], 0) == [LOST]
    assert await store.dead_letter(HOUSING, [old.lease], "late") == [LOST]
    assert await store.acknowledge(HOUSING, [new.lease]) == [DONE]
    assert await store.acknowledge(HOUSING, [old.lease]) == [LOST]


async def test_a_token_is_good_for_its_own_item_only(queues: Queues) -> None:
    await fill(queues, 2)
    first = await take_one(queues, seconds=10)
    second = await take_one(queues, seconds=60)
    await queues.advance(11)
    first_again = await take_one(queues)
    crossed = [
        LeaseRef(first.item_id, first.lease_token),
        LeaseRef(second.item_id, first_again.lease_token),
        LeaseRef(first.item_id, second.lease_token),
    ]
    assert await queues.store.acknowledge(HOUSING, crossed) == [LOST, LOST, LOST]


async def test_an_extended_lease_lasts_from_the_extension(queues: Queues) -> None:
    await fill(queues)
    item = await take_one(queues, seconds=60)
    await queues.advance(50)
    assert await queues.store.extend(HOUSING, [item.lease], 60) == [DONE]
    await queues.advance(50)
    assert await queues.store.receive(HOUSING, 1, 60) == []
    assert await queues.store.extend(HOUSING, [item.lease], 60) == [DONE]
    assert await queues.store.acknowledge(HOUSING, [item.lease]) == [DONE]


async def test_a_released_item_waits_for_its_delay(queues: Queues) -> None:
    await fill(queues)
    item = await take_one(queues)
    assert await queues.store.release(HOUSING, [item.lease], 30) == [DONE]
    assert await queues.store.receive(HOUSING, 1, 60) == []
    assert (await queues.store.depth(HOUSING)).waiting == 1
    await queues.advance(31)
    assert (await take_one(queues)).receive_count == 2


async def test_a_released_lease_is_over(queues: Queues) -> None:
    await fill(queues)
    item = await take_one(queues)
    assert await queues.store.release(HOUSING, [item.lease], 0) == [DONE]
    assert await queues.store.release(HOUSING, [item.lease], 0) == [ALREADY]
    assert await queues.store.acknowledge(HOUSING, [item.lease]) == [LOST]
    assert await queues.store.extend(HOUSING, [item.lease], 60) == [LOST]
    await take_one(queues)
    assert await queues.store.release(HOUSING, [item.lease], 0) == [LOST]


async def test_an_item_given_back_was_not_received_and_goes_before_what_came_later(
    queues: Queues,
) -> None:
    await fill(queues)
    await queues.advance(100)
    later = feedback(2, received_at=NOON + timedelta(days=30_000))
    await queues.store.enqueue([later], [new_item(2)])
    for _ in range(6):
        item = await take_one(queues)
        assert (item.receive_count, item.feedback["id"]) == (1, feedback_id(1))
        assert await queues.store.give_back(HOUSING, [item.lease]) == [DONE]
    depth = await queues.store.depth(HOUSING)
    assert (depth.waiting, depth.in_flight, depth.dead) == (2, 0, 0)
    assert depth.oldest_age_seconds == pytest.approx(100, abs=5)


async def test_only_who_holds_a_lease_can_give_it_back_and_only_once(queues: Queues) -> None:
    await fill(queues)
    old = await take_one(queues, seconds=10)
    await queues.advance(11)
    new = await take_one(queues)
    give_back = queues.store.give_back
    assert await give_back(HOUSING, [old.lease, lease(9, "any")]) == [LOST, UNKNOWN]
    assert await give_back("DWP", [new.lease]) == [UNKNOWN]
    assert await give_back(HOUSING, [new.lease]) == [DONE]
    assert await give_back(HOUSING, [new.lease]) == [ALREADY]
    last = await take_one(queues)
    assert last.receive_count == 2
    assert await queues.store.acknowledge(HOUSING, [last.lease]) == [DONE]
    assert await give_back(HOUSING, [last.lease]) == [ALREADY]


async def test_a_dead_lettered_item_leaves_the_queue(queues: Queues) -> None:
    await fill(queues)
    item = await take_one(queues)
    assert await queues.store.dead_letter(HOUSING, [item.lease], "$not ours") == [DONE]
    assert await queues.store.dead_letter(HOUSING, [item.lease], "$not ours") == [ALREADY]
    assert await queues.store.acknowledge(HOUSING, [item.lease]) == [ALREADY]
    await queues.advance(1_000)
    assert await queues.store.receive(HOUSING, 1, 60) == []
    assert (await queues.store.depth(HOUSING)).dead == 1


async def test_an_item_received_too_often_dies_instead_of_being_leased(queues: Queues) -> None:
    await fill(queues, 2)
    last = None
    for count in range(1, 6):
        last, kept = await take(queues, 2, seconds=10)
        assert last.receive_count == count
        await queues.store.release(HOUSING, [kept.lease], 10_000)
        await queues.advance(11)
        await queues.store.enqueue([feedback(9)], [new_item(9, "DWP")])
        if count < 5:
            await queues.advance(10_000)
    assert await queues.store.receive(HOUSING, 2, 60) == []
    depth = await queues.store.depth(HOUSING)
    assert (depth.waiting, depth.dead) == (1, 1)
    assert last is not None
    assert await queues.store.acknowledge(HOUSING, [last.lease]) == [LOST]


async def test_receive_passes_over_the_dying_to_the_living(queues: Queues) -> None:
    await fill(queues, 1)
    for _ in range(5):
        await take_one(queues, seconds=10)
        await queues.advance(11)
    last_in_turn = feedback(2, received_at=NOON + timedelta(days=30_000))
    await queues.store.enqueue([last_in_turn], [new_item(2)])
    assert (await take_one(queues)).feedback["id"] == feedback_id(2)
    assert (await queues.store.depth(HOUSING)).dead == 1


async def test_one_call_answers_each_lease_in_order(queues: Queues) -> None:
    await fill(queues, 4)
    first, second = await take(queues, 2)
    third = await take_one(queues)
    await queues.store.acknowledge(HOUSING, [second.lease])
    leases = [
        lease(99, first.lease_token),
        third.lease,
        second.lease,
        lease(4, "never leased"),
        first.lease,
        first.lease,
        LeaseRef("no id at all", "x"),
    ]
    results = await queues.store.acknowledge(HOUSING, leases)
    assert results == [UNKNOWN, DONE, ALREADY, LOST, DONE, DONE, UNKNOWN]
    assert await queues.store.acknowledge(HOUSING, []) == []


async def test_depth_counts_what_waits_flies_and_died(queues: Queues) -> None:
    empty = await queues.store.depth(HOUSING)
    assert (empty.waiting, empty.in_flight, empty.dead) == (0, 0, 0)
    assert empty.oldest_age_seconds is None
    await fill(queues, 5)
    await queues.advance(100)
    taken = await take(queues, 3)
    await queues.store.acknowledge(HOUSING, [taken[0].lease])
    await queues.store.dead_letter(HOUSING, [taken[1].lease], "not ours")
    depth = await queues.store.depth(HOUSING)
    assert (depth.waiting, depth.in_flight, depth.dead) == (2, 1, 1)
    assert depth.oldest_age_seconds == pytest.approx(100, abs=5)


async def test_the_age_of_a_queue_counts_items_whose_turn_has_moved(queues: Queues) -> None:
    await fill(queues)
    await queues.advance(100)
    item = await take_one(queues)
    await queues.store.release(HOUSING, [item.lease], 0)
    await queues.store.enqueue([feedback(2)], [new_item(2)])
    depth = await queues.store.depth(HOUSING)
    assert depth.waiting == 2
    assert depth.oldest_age_seconds == pytest.approx(100, abs=5)


async def test_acknowledging_fills_the_outbox_of_progress(queues: Queues) -> None:
    said = [feedback(1, marking=Marking.SENSITIVE), feedback(2)]
    await queues.store.enqueue(said, [new_item(1, revision=3), new_item(2)])
    taken = {item.feedback["id"]: item for item in await take(queues, 2)}
    assert await queues.outbox.unpublished(10) == []
    await queues.store.acknowledge(HOUSING, [taken[feedback_id(1)].lease])
    await queues.store.acknowledge(HOUSING, [taken[feedback_id(1)].lease])
    await queues.store.dead_letter(HOUSING, [taken[feedback_id(2)].lease], "not ours")
    (due,) = await queues.outbox.unpublished(10)
    assert (due.feedback_id, due.department) == (feedback_id(1), HOUSING)
    assert (due.revision, due.marking) == (3, Marking.SENSITIVE)
    await queues.outbox.mark_published([due])
    await queues.outbox.mark_published([])
    assert await queues.outbox.unpublished(10) == []
