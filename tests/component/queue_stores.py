"""Both queue stores behind one face, with a clock that a test can move."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Protocol

from schemas.feedback import Feedback
from schemas.routing import Role
from services.queues.item import item_id
from services.queues.memory_store import MemoryQueueStore
from services.queues.mongo_store import MongoQueueStore, ensure_indexes
from services.queues.outbox_store import MongoProgressOutbox
from services.queues.store import LeaseRef, NewItem, ProgressOutbox, QueueStore
from services.runtime.mongo import Database, connect
from services.runtime.settings import MongoSettings
from tests.builders import NOON, feedback_id

KEEP = timedelta(days=90)


class Queues(Protocol):
    """A store under test."""

    @property
    def store(self) -> QueueStore: ...

    @property
    def outbox(self) -> ProgressOutbox: ...

    async def advance(self, seconds: float) -> None:
        """Lets time pass for the items on the queues."""


class MemoryQueues:
    def __init__(self) -> None:
        self.now = NOON
        self.store = MemoryQueueStore(lambda: self.now)
        self.outbox = self.store

    async def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class MongoQueues:
    """The server's clock cannot be moved: items are moved into the past instead."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = MongoQueueStore(database)
        self.outbox = MongoProgressOutbox(database)

    async def advance(self, seconds: float) -> None:
        def earlier(field: str) -> dict[str, object]:
            return {"$subtract": [f"${field}", round(seconds * 1000)]}

        items = self.database["queue_items"]
        await items.update_many(
            {}, [{"$set": {name: earlier(name) for name in ("visible_at", "created_at")}}]
        )
        await items.update_many(
            {"lease": {"$exists": True}}, [{"$set": {"lease.until": earlier("lease.until")}}]
        )


@asynccontextmanager
async def mongo_queues(url: str, database: str) -> AsyncIterator[MongoQueues]:
    settings = MongoSettings.model_validate(
        {"mongo_url": url, "mongo_database": database, "mongo_timeout_seconds": 20}
    )
    client, opened = connect(settings)
    try:
        await ensure_indexes(opened, KEEP)
        yield MongoQueues(opened)
    finally:
        client.close()


def new_item(number: int = 1, department: str = "MHCLG", **changes: object) -> NewItem:
    fields: dict[str, object] = {
        "feedback_id": feedback_id(number),
        "department": department,
        "role": Role.LEAD,
        "areas": ("housing",),
        "because": "It is about housing.",
        "rule": "area/housing/lead",
        "revision": 1,
    }
    return NewItem(**(fields | changes))  # type: ignore[arg-type]


def lease(number: int, token: str, department: str = "MHCLG") -> LeaseRef:
    return LeaseRef(item_id(feedback_id(number), department), token)


def in_turn(feedbacks: Iterable[Feedback], since: datetime = NOON) -> list[Feedback]:
    """Received a second after one another, ending at `since`."""
    items = list(feedbacks)
    return [
        each.model_copy(update={"received_at": since - timedelta(seconds=len(items) - place)})
        for place, each in enumerate(items)
    ]
