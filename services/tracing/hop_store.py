"""Where hops are kept: the protocol, MongoDB's collection `hops`, and memory."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from pymongo.write_concern import WriteConcern

from services.runtime.mongo import Database, Document, database_errors, insert_absent
from services.tracing.hop import Hop

COLLECTION = "hops"


class HopStore(Protocol):
    """Keeps hops. Every call raises `Unavailable` while the database is away."""

    async def add(self, hops: Sequence[Hop]) -> None:
        """Keeps each hop that is not there yet."""
        ...

    async def of(self, feedback_id: str) -> list[Hop]:
        """All hops of a feedback, in the order in which they began."""
        ...


class MongoHopStore:
    """`HopStore` on the collection `hops`; a feedback's hops are neighbours by id.

    A lost hop costs a line of a trace: one server's word is enough.
    """

    def __init__(self, database: Database) -> None:
        self._hops = database[COLLECTION]
        self._quick = self._hops.with_options(write_concern=WriteConcern(w=1))

    async def add(self, hops: Sequence[Hop]) -> None:
        """One unordered write."""
        await insert_absent(self._quick, [_document(each) for each in hops])

    async def of(self, feedback_id: str) -> list[Hop]:
        """Reads a range of `_id`."""
        beyond = f"{feedback_id}0"  # "0" is the character after "/"
        with database_errors():
            cursor = self._hops.find({"_id": {"$gt": f"{feedback_id}/", "$lt": beyond}})
            hops = [_hop(each) for each in await cursor.to_list(None)]
        return sorted(hops, key=lambda each: (each.started_at, each.sent_at))


class MemoryHopStore:
    """`HopStore` for tests."""

    def __init__(self) -> None:
        self.hops: dict[str, Hop] = {}

    async def add(self, hops: Sequence[Hop]) -> None:
        """Keeps each hop that is not there yet."""
        for each in hops:
            self.hops.setdefault(each.id, each)

    async def of(self, feedback_id: str) -> list[Hop]:
        """All hops of a feedback."""
        return [each for each in self.hops.values() if each.feedback_id == feedback_id]


async def ensure_indexes(database: Database, keep: timedelta) -> None:
    """Hops are kept as long as decisions and finished items are."""
    with database_errors():
        await database[COLLECTION].create_index(
            "finished_at", expireAfterSeconds=int(keep.total_seconds())
        )


def _document(hop: Hop) -> Document:
    document = {
        "_id": hop.id,
        "topic": hop.topic,
        "sent_at": hop.sent_at,
        "started_at": hop.started_at,
        "finished_at": hop.finished_at,
        "outcome": hop.outcome,
        "attempts": hop.attempts,
        "service": hop.service,
        "version": hop.version,
        "event_id": hop.event_id,
    }
    if hop.error:
        document["error"] = hop.error
    if hop.redrive:
        document["redrive"] = hop.redrive
    return document


def _hop(document: Document) -> Hop:
    feedback_id, rest = document.pop("_id").split("/", 1)
    group, partition, offset = rest.rsplit("/", 2)
    return Hop(
        feedback_id=feedback_id,
        group=group,
        partition=int(partition),
        offset=int(offset),
        **{name: value for name, value in document.items() if name in _FIELDS},
    )


_FIELDS = frozenset(Hop.__dataclass_fields__)
