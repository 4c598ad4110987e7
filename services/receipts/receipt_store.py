"""Where receipts are kept: the protocol, and MongoDB's collection `receipts`, the outbox."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol
from uuid import uuid4

from pymongo.write_concern import WriteConcern

from services.receipts.receipt import Accepted, Receipt
from services.runtime.mongo import (
    Database,
    Document,
    database_errors,
    insert_unordered,
    read_span,
)

COLLECTION = "receipts"

_UNPUBLISHED: Document = {"published_at": None}
_OUTBOX_INDEX = "outbox"
_BRIEF = ("reference", "published_at")
MOST_COUNTED = 100_000


class Insertion(Enum):
    """How the insert of one receipt ended."""

    DONE = "done"
    ID_TAKEN = "id taken"
    REFERENCE_TAKEN = "reference taken"


@dataclass(frozen=True, slots=True)
class Backlog:
    """Receipts that wait to be published: how many, 100,000 at most, and since when."""

    receipts: int
    oldest_at: datetime | None


class ReceiptStore(Protocol):
    """Keeps receipts, for good. Every call raises `Unavailable` while the database is away."""

    async def insert(self, receipts: Sequence[Receipt]) -> Sequence[Insertion]:
        """Keeps each receipt whose id and reference are free; says, in order, how each ended."""

    async def find(self, ids: Collection[str]) -> dict[str, Receipt]:
        """The receipts that are kept under these ids, without their events."""

    async def by_reference(self, reference: str) -> Receipt | None:
        """The receipt that a charity calls by this reference, without its event."""

    def accepted_between(self, start: datetime, end: datetime) -> AsyncIterator[list[Accepted]]:
        """What was accepted from `start` up to `end`, the oldest first, by chunks."""

    def unpublished_between(self, start: datetime, end: datetime) -> AsyncIterator[list[Accepted]]:
        """As `accepted_between`, what waits to be published alone."""

    async def mark_published(self, ids: Sequence[str]) -> None:
        """Takes receipts out of the outbox."""

    async def claim(self, most: int, older_than: timedelta, lease: timedelta) -> list[Receipt]:
        """Takes the oldest unpublished receipts for this caller alone, until the lease ends."""

    async def release(self, ids: Sequence[str]) -> None:
        """Gives claimed receipts back before their lease ends."""

    async def backlog(self) -> Backlog:
        """How much waits to be published."""


class MongoReceiptStore:
    """`ReceiptStore` on the collection `receipts`. Leases use the server's clock."""

    def __init__(self, database: Database) -> None:
        self._receipts = database[COLLECTION]
        # a lost mark costs a second publication of the same bytes: not worth waiting for the disk
        self._marks = self._receipts.with_options(write_concern=WriteConcern(w=1))

    async def insert(self, receipts: Sequence[Receipt]) -> Sequence[Insertion]:
        """One unordered write; the unique indexes on `_id` and `reference` decide."""
        insertions = [Insertion.DONE] * len(receipts)
        duplicates = await insert_unordered(self._receipts, [_document(each) for each in receipts])
        for position, field in duplicates.items():
            taken = Insertion.ID_TAKEN if field == "_id" else Insertion.REFERENCE_TAKEN
            insertions[position] = taken
        return insertions

    async def find(self, ids: Collection[str]) -> dict[str, Receipt]:
        """Reads what a majority has, all but the events."""
        with database_errors():
            cursor = self._receipts.find({"_id": {"$in": list(ids)}}, {"event": 0})
            return {each["_id"]: _receipt(each) for each in await cursor.to_list(None)}

    async def by_reference(self, reference: str) -> Receipt | None:
        """By the unique index."""
        with database_errors():
            row = await self._receipts.find_one({"reference": reference}, {"event": 0})
        return _receipt(row) if row else None

    async def whole(self, feedback_id: str) -> tuple[Receipt, datetime | None] | None:
        """A receipt with its event, and when the event was known to be published."""
        with database_errors():
            row = await self._receipts.find_one({"_id": feedback_id})
        return (_receipt(row), row["published_at"]) if row else None

    async def accepted_between(
        self, start: datetime, end: datetime
    ) -> AsyncIterator[list[Accepted]]:
        """By the index on `accepted_at`."""
        async for rows in read_span(self._receipts, "accepted_at", start, end, fields=_BRIEF):
            yield [_accepted(row) for row in rows]

    async def unpublished_between(
        self, start: datetime, end: datetime
    ) -> AsyncIterator[list[Accepted]]:
        """By the outbox's index."""
        async for rows in read_span(
            self._receipts,
            "accepted_at",
            start,
            end,
            fields=_BRIEF,
            only=_UNPUBLISHED,
            index=_OUTBOX_INDEX,
        ):
            yield [_accepted(row) for row in rows]

    async def mark_published(self, ids: Sequence[str]) -> None:
        """Sets `published_at`; the receipt stays."""
        with database_errors():
            await self._marks.update_many(
                {"_id": {"$in": list(ids)}} | _UNPUBLISHED, {"$currentDate": {"published_at": True}}
            )

    async def claim(self, most: int, older_than: timedelta, lease: timedelta) -> list[Receipt]:
        """Reads candidates, stamps those that are still free, and reads back what it stamped."""
        free = {"$expr": {"$lte": ["$claimed_until", "$$NOW"]}}  # or never claimed
        old = {"$expr": {"$lte": ["$accepted_at", {"$subtract": ["$$NOW", _ms(older_than)]}]}}
        with database_errors():
            cursor = self._receipts.find(
                {"$and": [_UNPUBLISHED, old, free]}, {"_id": 1}, hint=_OUTBOX_INDEX
            )
            candidates = await cursor.sort("accepted_at", 1).limit(most).to_list(None)
            if not candidates:
                return []
            among = {"_id": {"$in": [each["_id"] for each in candidates]}}
            claim = uuid4().hex
            until = {"$add": ["$$NOW", _ms(lease)]}
            await self._receipts.update_many(
                {"$and": [among, _UNPUBLISHED, free]},
                [{"$set": {"claim": claim, "claimed_until": until}}],
            )
            mine = await self._receipts.find(among | {"claim": claim}).to_list(None)
        return [_receipt(each) for each in mine]

    async def release(self, ids: Sequence[str]) -> None:
        """Removes the claims."""
        with database_errors():
            await self._receipts.update_many(
                {"_id": {"$in": list(ids)}} | _UNPUBLISHED,
                {"$unset": {"claim": "", "claimed_until": ""}},
            )

    async def backlog(self) -> Backlog:
        """Counts by the index of unpublished receipts, and reads its first."""
        with database_errors():
            count = await self._receipts.count_documents(
                _UNPUBLISHED, hint=_OUTBOX_INDEX, limit=MOST_COUNTED
            )
            oldest = await self._receipts.find_one(
                _UNPUBLISHED, {"accepted_at": 1}, sort=[("accepted_at", 1)], hint=_OUTBOX_INDEX
            )
        return Backlog(count, oldest["accepted_at"] if oldest else None)


async def ensure_indexes(database: Database) -> None:
    """Makes the indexes of inserts, of the outbox and of periods. No receipt expires: its id
    derives from organisation and key, and the feedback of that id stays, so what answers a repeat
    stays too.
    """
    receipts = database[COLLECTION]
    with database_errors():
        await receipts.create_index("reference", unique=True)
        await receipts.create_index(
            "accepted_at", name=_OUTBOX_INDEX, partialFilterExpression=_UNPUBLISHED
        )
        await receipts.create_index("accepted_at", name="accepted")


def _document(receipt: Receipt) -> Document:
    return {
        "_id": receipt.id,
        "reference": receipt.reference,
        "organisation": receipt.organisation,
        "fingerprint": receipt.fingerprint,
        "event": receipt.event,
        "accepted_at": receipt.accepted_at,
        "published_at": None,
    }


def _receipt(document: Document) -> Receipt:
    return Receipt(
        document["_id"],
        document["reference"],
        document["organisation"],
        document["fingerprint"],
        document.get("event", b""),
        document["accepted_at"],
    )


def _accepted(document: Document) -> Accepted:
    return Accepted(
        document["_id"],
        document["reference"],
        document["accepted_at"],
        document["published_at"],
    )


def _ms(duration: timedelta) -> Any:
    return int(duration.total_seconds() * 1000)
