"""Where news of feedback is kept: the protocol, MongoDB's collection `tracking`, and memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.runtime.mongo import Database, Document, database_errors, insert_absent

COLLECTION = "tracking"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a feedback at one department, told by one event."""

    feedback_id: str
    event_id: str
    at: datetime
    what: str
    department: str

    @property
    def id(self) -> str:
        """The same whenever the same event is told again; begins with the feedback's id."""
        return f"{self.feedback_id}/{self.event_id}/{self.department}"


class TrackingStore(Protocol):
    """Keeps entries, as long as their feedback: for good.

    Every call raises `Unavailable` while the database is away.
    """

    async def add(self, entries: Sequence[Entry]) -> None:
        """Keeps each entry that is not there yet."""

    async def of(self, feedback_id: str) -> list[Entry]:
        """All entries of a feedback."""


class MongoTrackingStore:
    """`TrackingStore` on the collection `tracking`; a feedback's entries are neighbours by id,
    and it needs no other index.
    """

    def __init__(self, database: Database) -> None:
        self._entries = database[COLLECTION]

    async def add(self, entries: Sequence[Entry]) -> None:
        """One unordered write."""
        await insert_absent(self._entries, [_document(each) for each in entries])

    async def of(self, feedback_id: str) -> list[Entry]:
        """Reads a range of `_id`."""
        beyond = f"{feedback_id}0"  # "0" is the character after "/"
        with database_errors():
            cursor = self._entries.find({"_id": {"$gt": f"{feedback_id}/", "$lt": beyond}})
            return [_entry(each) for each in await cursor.to_list(None)]


class MemoryTrackingStore:
    """`TrackingStore` for tests."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    async def add(self, entries: Sequence[Entry]) -> None:
        """Keeps each entry that is not there yet."""
        for each in entries:
            self.entries.setdefault(each.id, each)

    async def of(self, feedback_id: str) -> list[Entry]:
        """All entries of a feedback."""
        return [each for each in self.entries.values() if each.feedback_id == feedback_id]


def _document(entry: Entry) -> Document:
    return {"_id": entry.id, "at": entry.at, "what": entry.what, "department": entry.department}


def _entry(document: Document) -> Entry:
    feedback_id, event_id, department = document["_id"].split("/")
    return Entry(feedback_id, event_id, document["at"], document["what"], department)
