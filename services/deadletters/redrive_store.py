"""Redrives in MongoDB's collection `redrives`; who runs one holds a lease by the server's clock."""

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from services.deadletters.documents import read_redrive, redrive_document
from services.deadletters.redrive import JobState, Marks, Redrive
from services.deadletters.store import Tally
from services.runtime.mongo import Database, Document, DuplicateKeyError, database_errors

COLLECTION = "redrives"

_RUNNING = str(JobState.RUNNING)


async def ensure_indexes(database: Database) -> None:
    """Makes the index of the list. Redrives stay: there are as many as people order."""
    with database_errors():
        await database[COLLECTION].create_index([("created_at", -1)])


class MongoRedriveStore:
    """`RedriveStore` on a replica set."""

    def __init__(self, database: Database) -> None:
        self._redrives = database[COLLECTION]

    async def create(self, redrive: Redrive, key: str) -> bool:
        """The unique `_id` decides between two of one name."""
        try:
            with database_errors():
                await self._redrives.insert_one(redrive_document(redrive, key))
        except DuplicateKeyError:
            return False
        return True

    async def find(self, name: str) -> Redrive | None:
        """Reads one by `_id`."""
        with database_errors():
            row = await self._redrives.find_one({"_id": name})
        return read_redrive(row) if row else None

    async def last(self, most: int) -> list[Redrive]:
        """By the index."""
        with database_errors():
            cursor = self._redrives.find(sort=[("created_at", -1)], limit=most)
            return [read_redrive(row) for row in await cursor.to_list(None)]

    async def is_like(self, name: str, key: str) -> bool:
        """Compares in the database."""
        with database_errors():
            return await self._redrives.count_documents({"_id": name, "key": key}) > 0

    async def unfinished(self, key: str, rate: float | None, most: int | None) -> Redrive | None:
        """Compares in the database."""
        wanted = {"state": _RUNNING, "key": key, "rate": rate, "most": most}
        with database_errors():
            row = await self._redrives.find_one(wanted, sort=[("created_at", 1)])
        return read_redrive(row) if row else None

    async def hold(self, name: str, holder: str, seconds: float) -> Redrive | None:
        """One conditional write: free, expired, or ours already."""
        free = {"$lte": [{"$ifNull": ["$held_until", "$$NOW"]}, "$$NOW"]}
        ours = {"$eq": ["$holder", {"$literal": holder}]}
        wanted = {"_id": name, "state": _RUNNING, "$expr": {"$or": [free, ours]}}
        return await self._change(wanted, [{"$set": _lease(holder, seconds)}])

    async def renew(
        self, name: str, holder: str, seconds: float, tally: Tally | None
    ) -> Redrive | None:
        """An expired lease that nobody took is ours still."""
        changes = _lease(holder, seconds) | _progress(tally)
        return await self._change(_held(name, holder), [{"$set": changes}])

    async def release(self, name: str, holder: str) -> None:
        """Conditional on being the holder."""
        await self._change(_held(name, holder), {"$set": {"holder": None, "held_until": None}})

    async def marks(self, name: str) -> Marks:
        """Reads them back."""
        with database_errors():
            row = await self._redrives.find_one({"_id": name}, {"marks": 1})
        marks: dict[str, dict[int, int]] = {}
        for topic, partition, offset in (row or {}).get("marks", ()):
            marks.setdefault(topic, {})[partition] = offset
        return marks

    async def note_marks(self, name: str, holder: str, marks: Marks) -> bool:
        """Conditional on being the holder."""
        rows = [[topic, *place] for topic in marks for place in sorted(marks[topic].items())]
        changed = await self._change(_held(name, holder), {"$set": {"marks": rows}})
        return changed is not None

    async def ask_to_cancel(self, name: str, by: str) -> Redrive | None:
        """Whoever runs it sees it at its next renewal."""
        return await self._change({"_id": name, "state": _RUNNING}, {"$set": {"cancel_by": by}})

    async def end(
        self, name: str, holder: str, state: JobState, tally: Tally, now: datetime
    ) -> Redrive | None:
        """Conditional on being the holder."""
        changes = {"state": str(state), "ended_at": now, "holder": None, "held_until": None}
        return await self._change(_held(name, holder), {"$set": changes | _progress(tally)})

    async def _change(self, wanted: Document, change: Any) -> Redrive | None:
        with database_errors():
            row = await self._redrives.find_one_and_update(
                wanted, change, return_document=ReturnDocument.AFTER
            )
        return read_redrive(row) if row else None


def _held(name: str, holder: str) -> Document:
    return {"_id": name, "state": _RUNNING, "holder": holder}


def _lease(holder: str, seconds: float) -> Document:
    until = {"$add": ["$$NOW", round(seconds * 1000)]}
    return {"holder": {"$literal": holder}, "held_until": until}


def _progress(tally: Tally | None) -> Document:
    return {} if tally is None else {"redriven": tally.redriven, "failed": tally.failed}
