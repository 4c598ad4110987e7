"""Dead queue items in MongoDB: found, put back on their queue, or taken off for good."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from services.queues.dead_item import DEAD_STATES, DeadItem, DeadItemFilter, Discarded, query
from services.queues.item import State, feedback_id_of
from services.runtime.mongo import Database, Document, database_errors

_STATES = [str(state) for state in DEAD_STATES]


class DeadItems(Protocol):
    """Items that a department could not handle, or that nobody acknowledged.

    Every call raises `Unavailable` while the database is away, and is safe to repeat: what it did
    already is no longer in the state that it changes.
    """

    async def find(self, item_id: str) -> DeadItem | None:
        """One item, if it is dead or discarded."""

    async def page(
        self, only: DeadItemFilter, most: int, after: str | None = None
    ) -> list[DeadItem]:
        """Those that died last first, up to `most`; `after` is the last id of the page before."""

    async def count(self, only: DeadItemFilter) -> int:
        """How many there are."""

    async def piles(self, only: DeadItemFilter) -> dict[str, int]:
        """How many there are by department."""

    async def redrive(self, only: DeadItemFilter, most: int) -> int:
        """Puts up to `most` back, the oldest death first: receivable now, as if never received
        and in the turn that it had.

        Says how many. A lease or acknowledgement from before their death has no effect.
        """

    async def discard(self, only: DeadItemFilter, most: int, discarded: Discarded) -> int:
        """Takes up to `most` dead items off for good; they stay to be looked at."""


class MongoDeadItems:
    """`DeadItems` on the documents of `MongoQueueStore`."""

    def __init__(self, database: Database) -> None:
        self._items = database["queue_items"]

    async def find(self, item_id: str) -> DeadItem | None:
        """Reads one by `_id`."""
        with database_errors():
            row = await self._items.find_one({"_id": item_id, "state": {"$in": _STATES}})
        return _item(row) if row else None

    async def page(
        self, only: DeadItemFilter, most: int, after: str | None = None
    ) -> list[DeadItem]:
        """By the index of deaths."""
        wanted = query(only)
        last = await self.find(after) if after else None
        if last is not None:
            same = {"settlement.at": last.died_at, "_id": {"$gt": last.id}}
            earlier = {"settlement.at": {"$lt": last.died_at}}
            wanted = {"$and": [wanted, {"$or": [earlier, same]}]}
        with database_errors():
            cursor = self._items.find(wanted, sort=[("settlement.at", -1), ("_id", 1)], limit=most)
            return [_item(row) for row in await cursor.to_list(None)]

    async def count(self, only: DeadItemFilter) -> int:
        """Counts by the index."""
        with database_errors():
            return int(await self._items.count_documents(query(only)))

    async def piles(self, only: DeadItemFilter) -> dict[str, int]:
        """Groups in the database."""
        group = {"_id": "$department", "items": {"$sum": 1}}
        with database_errors():
            cursor = self._items.aggregate([{"$match": query(only)}, {"$group": group}])
            return {row["_id"]: row["items"] for row in await cursor.to_list(None)}

    async def redrive(self, only: DeadItemFilter, most: int) -> int:
        """One write, conditional on the state. Not received, an item's turn is by when it was
        queued: by turn alone `statements.first_in_line` finds the oldest of those.
        """
        times = {"$add": [{"$ifNull": ["$redrives", 0]}, 1]}
        waiting = {"state": str(State.WAITING), "visible_at": "$created_at", "receive_count": 0}
        change = [
            {"$set": waiting | {"redrives": times}},
            {"$unset": ["lease", "settlement", "discarded"]},
        ]
        return await self._change(only, most, change)

    async def discard(self, only: DeadItemFilter, most: int, discarded: Discarded) -> int:
        """One write, conditional on the state; the story of the death stays."""
        why = {"by": discarded.by, "at": discarded.at, "reason": discarded.reason}
        change = {"$set": {"state": str(State.DISCARDED), "discarded": why}}
        return await self._change(only, most, change)

    async def _change(self, only: DeadItemFilter, most: int, change: Any) -> int:
        wanted = query(only)
        with database_errors():
            cursor = self._items.find(wanted, {"_id": 1}, sort=[("settlement.at", 1)], limit=most)
            ids = [row["_id"] for row in await cursor.to_list(None)]
            if not ids:
                return 0
            still: Document = {"$and": [{"_id": {"$in": ids}}, wanted]}
            return int((await self._items.update_many(still, change)).modified_count)


def _item(row: Mapping[str, Any]) -> DeadItem:
    settlement, discarded = row["settlement"], row.get("discarded")
    died_at: datetime = settlement["at"]
    return DeadItem(
        id=row["_id"],
        feedback_id=feedback_id_of(row["_id"]),
        department=row["department"],
        state=State(row["state"]),
        role=row["role"],
        areas=tuple(row["areas"]),
        rule=row["rule"],
        receive_count=row["receive_count"],
        created_at=row["created_at"],
        died_at=died_at,
        reason=settlement.get("reason"),
        reason_is_theirs=settlement.get("token") is not None,
        redrives=row.get("redrives", 0),
        discarded=Discarded(**discarded) if discarded else None,
    )
