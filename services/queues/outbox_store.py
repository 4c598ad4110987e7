"""Acknowledged queue items in MongoDB as the outbox of `feedback.progressed`."""

from collections.abc import Sequence
from itertools import groupby

from services.queues import documents
from services.queues.store import Acknowledgement
from services.runtime.mongo import Database, database_errors


class MongoProgressOutbox:
    """`ProgressOutbox` on the documents that `MongoQueueStore.acknowledge` writes."""

    def __init__(self, database: Database) -> None:
        self._items = database["queue_items"]

    async def unpublished(self, limit: int) -> list[Acknowledgement]:
        """By the partial index, which holds nothing else."""
        with database_errors():
            cursor = self._items.find(
                {"progress": documents.UNPUBLISHED}, sort=[("settlement.at", 1)], limit=limit
            )
            return [documents.read_acknowledgement(row) async for row in cursor]

    async def mark_published(self, acknowledgements: Sequence[Acknowledgement]) -> None:
        """One write for each revision: nearly always one."""
        ordered = sorted(acknowledgements, key=lambda each: each.revision)
        with database_errors():
            for revision, group in groupby(ordered, key=lambda each: each.revision):
                await self._items.update_many(
                    {
                        "_id": {"$in": [each.item_id for each in group]},
                        "progress": documents.UNPUBLISHED,
                        "revision": revision,
                    },
                    {"$set": {"progress": documents.PUBLISHED}},
                )
