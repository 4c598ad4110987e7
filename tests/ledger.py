"""The ledger of a run: what intake accepted against what is on the queues."""

from dataclasses import dataclass, field
from typing import Any

from services.runtime.mongo import Database
from tests.waiting import until


@dataclass
class Ledger:
    """Accepted feedback ids by idempotency key, and the two differences that must be empty."""

    accepted: dict[str, str] = field(default_factory=dict)

    async def settle(self, database: Database, seconds: float = 120.0) -> None:
        """Waits until everything accepted is queued, then checks that nothing is there twice."""
        ids = set(self.accepted.values())
        assert len(ids) == len(self.accepted), "two keys were given one id"

        async def all_queued() -> bool:
            return len(await _decided(database)) >= len(ids) and not await _unfinished(database)

        await until(all_queued, f"{len(ids)} feedbacks to be queued", seconds)
        queued = await _queued(database)
        lost = ids - {feedback for feedback, _ in queued}
        assert not lost, f"accepted and not queued: {len(lost)}"
        strangers = {feedback for feedback, _ in queued} - ids
        assert not strangers, f"queued and never accepted: {len(strangers)}"
        assert len(queued) == len(set(queued)), "more than one item of a feedback in a department"
        receipts = await database["receipts"].count_documents({})
        assert receipts == len(ids), f"{receipts} receipts of {len(ids)} submissions"


async def _decided(database: Database) -> list[Any]:
    return await database["routing_decisions"].distinct("feedback_id")


async def _queued(database: Database) -> list[tuple[str, str]]:
    return [
        (row["_id"].rpartition(":")[0], row["department"])
        async for row in database["queue_items"].find({}, {"department": 1})
    ]


async def _unfinished(database: Database) -> bool:
    """Whether a decision has a department without its item."""
    wanted = (
        await database["routing_decisions"]
        .aggregate([{"$group": {"_id": None, "items": {"$sum": {"$size": "$departments"}}}}])
        .to_list(None)
    )
    there = await database["queue_items"].count_documents({})
    return bool(wanted) and there < wanted[0]["items"]
