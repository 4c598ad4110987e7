"""However often an event is delivered, each department has exactly one item of a feedback."""

from tests.builders import feedback_id
from tests.routing import Road, choose
from tests.waiting import until


async def test_repeated_events_make_one_item_per_feedback_and_department(road: Road) -> None:
    for _ in range(3):
        await road.write_tagged(range(100))
    async with road.router(choose("MHCLG", "DHSC")):
        await until(lambda: road.tagged.committed(), "a commit")

        async def all_read() -> bool:
            return await road.tagged.committed() == 300

        await until(all_read, "all repeats to be handled", 30)
    expected = {f"{feedback_id(n)}:{code}" for n in range(100) for code in ("MHCLG", "DHSC")}
    assert set(await road.items()) == expected
    assert await road.database["feedback"].count_documents({}) == 100


async def test_repeated_handling_publishes_the_same_event(road: Road) -> None:
    await road.write_tagged(range(1))
    await road.write_tagged(range(1))
    async with road.router(choose("MHCLG")):
        await until(lambda: road.routed.records(2), "both publications", 30)
    first, second = await road.routed.records(2)
    assert first.value == second.value, "a repeat has the same id and the same bytes"
