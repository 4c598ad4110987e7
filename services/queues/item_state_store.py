"""Reads how queue items stand: by feedback, and what waits for longer than it may."""

import re
from collections.abc import AsyncIterator, Collection
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from bson.regex import Regex

from services.queues.documents import UNPUBLISHED
from services.queues.item import BUCKETS, feedback_id_of
from services.queues.item_state import ItemState
from services.queues.statements import READY_INDEX
from services.runtime.mongo import Database, Document, database_errors, read_span

_CHUNK = 5_000
_FIELDS = dict.fromkeys(
    ("department", "state", "receive_count", "created_at", "lease", "settlement.at"), 1
)


class MongoItemStates:
    """Reads `queue_items` and changes nothing. Every call raises `Unavailable`."""

    def __init__(self, database: Database) -> None:
        self._items = database["queue_items"]

    async def of(self, feedback_ids: Collection[str]) -> dict[str, list[ItemState]]:
        """The items of each feedback, whatever comes after its id in theirs; by ranges of `_id`."""
        ranges = [_beginning(f"{each}:") for each in feedback_ids]
        found: dict[str, list[ItemState]] = {}
        with database_errors():
            async for row in self._items.find({"_id": {"$in": ranges}}, _FIELDS):
                state = _state(row)
                found.setdefault(row["_id"].partition(":")[0], []).append(state)
        return found

    async def waiting_between(self, start: datetime, end: datetime) -> AsyncIterator[list[str]]:
        """The feedback ids of waiting items whose turn came from `start` up to `end`, by chunks."""
        with database_errors():
            departments = await self._items.distinct("department", {"state": "waiting"})
        for department, bucket in product(departments, range(BUCKETS)):
            async for rows in read_span(
                self._items,
                "visible_at",
                start,
                end,
                fields=(),
                only={"department": department, "state": "waiting", "bucket": bucket},
                index=READY_INDEX,
            ):
                yield [str(row["_id"]).partition(":")[0] for row in rows]

    async def expired_leases(self, grace: timedelta) -> AsyncIterator[list[ItemState]]:
        """Items whose lease ended longer than `grace` ago, by the server's clock, and that nobody
        settled, released or received again.
        """
        only = {
            "state": "waiting",
            "receive_count": {"$gte": 1},
            "lease.released": False,
            "$expr": {"$lt": ["$lease.until", _ago(grace)]},
        }
        async for rows in self._chunks(only, "received", _FIELDS):
            yield [_state(row) for row in rows]

    async def unpublished(self, grace: timedelta) -> AsyncIterator[list[ItemState]]:
        """Items acknowledged longer than `grace` ago whose progress is not published."""
        only = {
            "progress": UNPUBLISHED,
            "$expr": {"$lt": ["$settlement.at", _ago(grace)]},
        }
        async for rows in self._chunks(only, "unpublished", _FIELDS):
            yield [_state(row) for row in rows]

    async def _chunks(
        self, only: dict[str, Any], index: str, fields: dict[str, int]
    ) -> AsyncIterator[list[Document]]:
        with database_errors():
            cursor = self._items.find(only, fields, hint=index, batch_size=_CHUNK)
            while rows := await cursor.to_list(_CHUNK):
                yield rows


def _beginning(prefix: str) -> Regex[str]:
    """Without flags and needless escapes it is a range of the index; Python's own would not be."""
    return Regex("^" + re.escape(prefix).replace(r"\-", "-"))


def _ago(grace: timedelta) -> dict[str, Any]:
    return {"$subtract": ["$$NOW", int(grace.total_seconds() * 1000)]}


def _state(row: Document) -> ItemState:
    lease = row.get("lease") or {}
    return ItemState(
        id=row["_id"],
        feedback_id=feedback_id_of(row["_id"]),
        department=row["department"],
        state=row["state"],
        receive_count=row["receive_count"],
        created_at=row["created_at"],
        lease_until=None if lease.get("released") else lease.get("until"),
        settled_at=(row.get("settlement") or {}).get("at"),
    )
