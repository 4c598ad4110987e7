"""Reads what happened to the queue items of one feedback."""

from services.queues.item_history import ItemHistory
from services.runtime.mongo import Database, Document, database_errors


class MongoItemHistories:
    """Reads `queue_items` and changes nothing. Raises `Unavailable` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._items = database["queue_items"]

    async def of(self, feedback_id: str) -> list[ItemHistory]:
        """The items of a feedback, the leading department's first; reads a range of `_id`."""
        beyond = f"{feedback_id};"  # ";" is the character after ":"
        with database_errors():
            cursor = self._items.find({"_id": {"$gt": f"{feedback_id}:", "$lt": beyond}})
            items = [_history(each) for each in await cursor.to_list(None)]
        return sorted(items, key=lambda each: (each.role != "lead", each.department))


def _history(row: Document) -> ItemHistory:
    lease, settlement = row.get("lease") or {}, row.get("settlement") or {}
    return ItemHistory(
        item_id=row["_id"],
        department=row["department"],
        role=row["role"],
        rule=row["rule"],
        because=row["because"],
        revision=row["revision"],
        state=row["state"],
        queued_at=row["created_at"],
        receive_count=row["receive_count"],
        lease_until=lease.get("until"),
        lease_released=bool(lease.get("released")),
        ended_at=settlement.get("at"),
        note=settlement.get("reason"),
        note_is_theirs=settlement.get("token") is not None,
        traceparent=row.get("traceparent"),
    )
