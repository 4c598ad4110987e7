"""Replaying a whole topic changes nothing."""

from services.queues.store import LeaseRef
from tests.routing import Road, choose
from tests.waiting import until


async def test_replay_leaves_decisions_feedback_and_queues_equal_settled_items_included(
    road: Road,
) -> None:
    total = 200

    async def queued() -> bool:
        return len(await road.items()) == 2 * total

    await road.write_tagged(range(total))
    async with road.router(choose("MHCLG", "DHSC")):
        await until(queued, "every item", 30)
    leased = await road.queues.receive("MHCLG", 50, 60)
    await road.queues.acknowledge(
        "MHCLG", [LeaseRef(item.item_id, item.lease_token) for item in leased[:30]]
    )
    await road.queues.dead_letter(
        "MHCLG", [LeaseRef(item.item_id, item.lease_token) for item in leased[30:40]], "test"
    )
    before = await road.snapshot()

    road.tagged.group += "-replay"
    async with road.router(choose("DWP"), version="2"):

        async def replayed() -> bool:
            return await road.tagged.committed() == total

        await until(replayed, "the replay", 30)
    assert await road.snapshot() == before
