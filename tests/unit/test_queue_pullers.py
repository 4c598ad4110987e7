"""Pullers of one process share claims, wait together, and lose nothing claimed for them."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import pytest

from schemas.routing import Role
from services.queues.item import MOST_RECEIVES, Result
from services.queues.memory_store import MemoryQueueStore
from services.queues.pullers import Pullers
from services.queues.store import LeasedItem, LeaseRef, NewItem
from services.runtime.errors import Unavailable
from tests.builders import feedback
from tests.waiting import until

DWP = "DWP"


class CountingStore(MemoryQueueStore):
    """Counts claims, and can hold one open or fail it."""

    def __init__(self) -> None:
        super().__init__(lambda: datetime.now(UTC))
        self.claims: list[tuple[int, float]] = []
        self.given_back: list[LeaseRef] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.away = False

    async def receive(
        self, department: str, max_items: int, visibility_seconds: float
    ) -> list[LeasedItem]:
        self.claims.append((max_items, visibility_seconds))
        await self.gate.wait()
        if self.away:
            raise Unavailable("MongoDB: away")
        return await super().receive(department, max_items, visibility_seconds)

    async def give_back(self, department: str, leases: Sequence[LeaseRef]) -> list[Result]:
        self.given_back += leases
        return await super().give_back(department, leases)

    async def fill(self, count: int, start: int = 0) -> None:
        feedbacks = [feedback(start + number) for number in range(count)]
        items = [NewItem(f.id, DWP, Role.LEAD, ("work",), "why", "rule", 1) for f in feedbacks]
        await self.enqueue(feedbacks, items)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def pullers(store: CountingStore) -> Pullers:
    return Pullers(store, poll_seconds=0.02)


async def test_concurrent_pullers_share_one_claim(store: CountingStore, pullers: Pullers) -> None:
    await store.fill(100)
    answers = await asyncio.gather(*[pullers.receive(DWP, 2, 60) for _ in range(40)])
    got = [item.item_id for answer in answers for item in answer]
    assert len(got) == len(set(got)) == 80
    assert [len(answer) for answer in answers] == [2] * 40
    assert len(store.claims) <= 3


async def test_pullers_with_another_visibility_get_their_own(
    store: CountingStore, pullers: Pullers
) -> None:
    await store.fill(4)
    short, long = await asyncio.gather(pullers.receive(DWP, 2, 10), pullers.receive(DWP, 2, 600))
    apart = min(item.lease_until for item in long) - max(item.lease_until for item in short)
    assert apart.total_seconds() == pytest.approx(590, abs=5)


async def test_a_large_demand_is_served_in_several_claims(
    store: CountingStore, pullers: Pullers
) -> None:
    await store.fill(1_500)
    answers = await asyncio.gather(*[pullers.receive(DWP, 100, 60) for _ in range(15)])
    assert [len(answer) for answer in answers] == [100] * 15
    assert max(wanted for wanted, _ in store.claims) <= 1_000


async def test_an_empty_queue_answers_at_once_unless_asked_to_wait(pullers: Pullers) -> None:
    started = monotonic()
    assert await pullers.receive(DWP, 1, 60) == []
    assert monotonic() - started < 1
    assert await pullers.receive(DWP, 1, 60, wait_seconds=0.1) == []
    assert monotonic() - started >= 0.1


async def test_who_waits_gets_what_arrives(store: CountingStore, pullers: Pullers) -> None:
    waiting = asyncio.create_task(pullers.receive(DWP, 10, 60, wait_seconds=20))
    await until(lambda: store.claims, "a first look")
    await store.fill(3)
    assert len(await asyncio.wait_for(waiting, 5)) == 3


async def test_many_idle_pullers_cost_no_more_looks_than_one(store: CountingStore) -> None:
    pullers = Pullers(store, poll_seconds=0.05)
    await asyncio.gather(*[pullers.receive(DWP, 100, 60, wait_seconds=0.5) for _ in range(200)])
    assert len(store.claims) <= 20


async def test_a_newcomer_need_not_wait_for_those_who_do(
    store: CountingStore, pullers: Pullers
) -> None:
    waiting = asyncio.create_task(Pullers.receive(pullers, DWP, 1, 60, wait_seconds=20))
    await until(lambda: store.claims, "a first look")
    assert await asyncio.wait_for(pullers.receive(DWP, 1, 60), 5) == []
    assert not waiting.done()
    pullers.close()
    assert await waiting == []


async def test_closing_ends_every_wait(pullers: Pullers) -> None:
    waits = [asyncio.create_task(pullers.receive(DWP, 1, 60, wait_seconds=20)) for _ in range(5)]
    await asyncio.sleep(0)
    pullers.close()
    assert await asyncio.wait_for(asyncio.gather(*waits), 5) == [[]] * 5


async def test_what_was_claimed_for_those_who_went_away_was_not_received(
    store: CountingStore, pullers: Pullers
) -> None:
    await store.fill(3)
    for times in range(1, MOST_RECEIVES + 2):
        store.gate.clear()
        gone = asyncio.create_task(pullers.receive(DWP, 3, 60))
        await until(lambda: len(store.claims) == times, "the claim")  # noqa: B023
        gone.cancel()
        await asyncio.wait({gone})
        store.gate.set()
        await until(lambda: len(store.given_back) == 3 * times, "the items given back")  # noqa: B023
    items = await pullers.receive(DWP, 3, 60)
    assert [item.receive_count for item in items] == [1, 1, 1]


async def test_one_who_goes_away_between_claim_and_answer_has_not_received(
    store: CountingStore,
) -> None:
    await store.fill(1)
    answered = asyncio.Event()

    class Watched(Pullers):
        async def _claim(self, department: str, pullers: Any) -> bool:
            empty = await super()._claim(department, pullers)
            if not answered.is_set():
                gone.cancel()  # its answer is there, and it has not seen it yet
                answered.set()
            return empty

    pullers = Watched(store, poll_seconds=0.02)
    gone = asyncio.create_task(pullers.receive(DWP, 1, 60))
    await asyncio.wait({gone})
    assert gone.cancelled()
    assert [item.receive_count for item in await pullers.receive(DWP, 1, 60)] == [1]


async def test_everyone_learns_that_the_database_is_away(
    store: CountingStore, pullers: Pullers
) -> None:
    store.away = True
    answers = await asyncio.gather(
        *[pullers.receive(DWP, 1, 60, wait_seconds=20) for _ in range(3)], return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    store.away = False
    assert await pullers.receive(DWP, 1, 60) == []
