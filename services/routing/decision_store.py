"""Keeps routing decisions in MongoDB; the first decision on a revision stands."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.routing.decision import Decided, Decision, from_document, to_document
from services.runtime.errors import Unavailable
from services.runtime.mongo import Database, database_errors, insert_absent, read_span

COLLECTION = "routing_decisions"


class DecisionStore(Protocol):
    """Where decisions are kept before they are acted on."""

    async def settle(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Stores each decision unless its revision has one; returns, in order, those that stand.

        Raises `Unavailable` when the store does not answer; then some may be stored.
        """


class MongoDecisionStore:
    """`DecisionStore` on the collection `routing_decisions`."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def settle(self, decisions: Sequence[Decision]) -> list[Decision]:
        """One unordered write; only what was there already is read.

        Raises `Unavailable` too when that has gone meanwhile: only what is stored is acted on.
        """
        repeated = await insert_absent(self._collection, [to_document(each) for each in decisions])
        if not repeated:
            return list(decisions)
        with database_errors():
            stored = await self._collection.find({"_id": {"$in": list(repeated)}}).to_list(None)
        standing = {each["_id"]: from_document(each) for each in stored}
        if repeated - standing.keys():
            raise Unavailable("MongoDB: a decision was there already, and cannot be read")
        return [standing.get(each.id, each) for each in decisions]

    async def decided_between(self, start: datetime, end: datetime) -> AsyncIterator[list[Decided]]:
        """What was decided from `start` up to `end`, the oldest first, by chunks."""
        fields = ("feedback_id", "departments.department")
        async for rows in read_span(self._collection, "decided_at", start, end, fields=fields):
            yield [
                Decided(
                    row["feedback_id"],
                    tuple(each["department"] for each in row["departments"]),
                    row["decided_at"],
                )
                for row in rows
            ]

    async def of(self, feedback_id: str) -> list[Decision]:
        """All decisions on a feedback, one for each revision; reads a range of `_id`."""
        beyond = f"{feedback_id};"  # ";" is the character after ":"
        with database_errors():
            cursor = self._collection.find({"_id": {"$gt": f"{feedback_id}:", "$lt": beyond}})
            return [from_document(each) for each in await cursor.to_list(None)]


async def ensure_indexes(database: Database, keep: timedelta) -> None:
    """Decisions outlive every topic's retention, so that a replay finds them."""
    with database_errors():
        await database[COLLECTION].create_index(
            "decided_at", expireAfterSeconds=int(keep.total_seconds())
        )
