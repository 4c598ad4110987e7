"""A decision cut off between its writes is finished as it was made, whatever the rules say now."""

from collections.abc import Sequence

from schemas.feedback import Feedback
from services.queues.mongo_store import MongoQueueStore
from services.queues.store import NewItem
from services.runtime.errors import Unavailable
from tests.builders import feedback_id
from tests.routing import Road, choose
from tests.waiting import until


class CutOff(MongoQueueStore):
    """Goes away after the first of a decision's items is written."""

    async def enqueue(
        self, feedbacks: Sequence[Feedback], items: Sequence[NewItem]
    ) -> frozenset[str]:
        await super().enqueue(feedbacks, items[:1])
        raise Unavailable("cut off")


async def test_stored_decision_is_finished_under_other_rules(road: Road) -> None:
    await road.write_tagged(range(1))
    async with road.router(choose("MHCLG", "DHSC"), "1", CutOff(road.database)):
        await until(lambda: road.items(), "the first item")
    assert set(await road.items()) == {f"{feedback_id(0)}:MHCLG"}

    async with road.router(choose("DWP", "HO"), "2"):

        async def finished() -> bool:
            return len(await road.items()) >= 2

        await until(finished, "the rest of the decision")
        [routed] = await road.routed.records(1)
    assert set(await road.items()) == {f"{feedback_id(0)}:{code}" for code in ("MHCLG", "DHSC")}
    [decision] = await road.database["routing_decisions"].find().to_list(None)
    assert decision["rule_version"] == "1"
    assert b'"rule_version":"1"' in routed.value


async def test_new_feedback_follows_the_new_rules(road: Road) -> None:
    await road.write_tagged(range(1))
    async with road.router(choose("MHCLG"), "1"):
        await until(lambda: road.items(), "the first item")
    await road.write_tagged(range(1, 2))
    async with road.router(choose("DWP"), "2"):

        async def both() -> bool:
            return len(await road.items()) == 2

        await until(both, "the second item")
    assert set(await road.items()) == {f"{feedback_id(0)}:MHCLG", f"{feedback_id(1)}:DWP"}
