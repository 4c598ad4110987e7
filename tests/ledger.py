"""The ledger of a run: what intake accepted against what is on the queues."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from services.runtime.mongo import Database, Document
from tests.waiting import until

_LOOK_SECONDS = 0.2


@dataclass
class Ledger:
    """Accepted feedback ids by idempotency key, and the differences that must be empty."""

    accepted: dict[str, str] = field(default_factory=dict)

    async def settle(self, database: Database, seconds: float = 120.0) -> None:
        """Waits until everything accepted is queued, then checks that nothing else is there.

        On the queues is exactly what the stored decisions name: an item that is missing may still
        come, one that no decision names is a failure at once.
        """
        ids = set(self.accepted.values())
        assert len(ids) == len(self.accepted), "two keys were given one id"

        async def all_queued() -> bool:
            if await _may_be_complete(database, len(ids)) and not await _missing(database):
                return True
            await asyncio.sleep(_LOOK_SECONDS)
            return False

        await until(all_queued, f"{len(ids)} feedbacks to be queued", seconds)
        decided = [row["feedback_id"] async for row in _decisions(database) if row["departments"]]
        lost = ids.difference(decided)
        assert not lost, f"accepted and not queued: {len(lost)}"
        strangers = set(decided) - ids
        assert not strangers, f"queued and never accepted: {len(strangers)}"
        assert len(decided) == len(ids), "more than one decision on a feedback"
        receipts = await database["receipts"].count_documents({})
        assert receipts == len(ids), f"{receipts} receipts of {len(ids)} submissions"


async def _may_be_complete(database: Database, feedbacks: int) -> bool:
    """By counts alone, which cost little while events flow."""
    counts = [
        await database[name].count_documents({}) for name in ("routing_decisions", "queue_items")
    ]
    return min(counts) >= feedbacks


async def _missing(database: Database) -> set[tuple[str, str]]:
    """Items, as (id, department), that a decision names and no queue has."""
    # items first: a decision is stored before its items, so every item read here has one by now
    queued = {
        (row["_id"], row["department"])
        async for row in database["queue_items"].find({}, {"department": 1})
    }
    named = {
        (f"{row['feedback_id']}:{each['department']}", each["department"])
        async for row in _decisions(database)
        for each in row["departments"]
    }
    unnamed = queued - named
    assert not unnamed, f"{len(unnamed)} items that no decision names, one is {min(unnamed)}"
    return named - queued


def _decisions(database: Database) -> AsyncIterator[Document]:
    rows: AsyncIterator[Document] = database["routing_decisions"].find(
        {}, {"feedback_id": 1, "departments.department": 1}
    )
    return rows
