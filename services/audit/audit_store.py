"""Where the audit is kept, MongoDB's collection `audit`; nothing changes or removes an entry."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from services.audit.entry import BEGINNING, AuditCheck, ChainCheck, Details, Entry, Head, chained
from services.runtime.errors import Unavailable
from services.runtime.mongo import Database, Document, DuplicateKeyError, database_errors

_TRIES = 50

log = structlog.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class MongoAuditLog:
    """Appends and reads entries. Every call raises `Unavailable` while the database is away."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = _now) -> None:
        self._entries = database["audit"]
        self._clock = clock

    async def append(
        self,
        *,
        by: str,
        action: str,
        subject: str,
        reason: str,
        details: Details | None = None,
    ) -> Entry:
        """Writes the next entry; of two at once the unique `_id` lets one be the next.

        Its head is logged too: whoever rewrites the collection would have to rewrite the logs.
        """
        for _ in range(_TRIES):
            head = await self.head()
            at = self._clock()
            entry = chained(
                Entry(
                    seq=head.seq + 1,
                    at=at.replace(microsecond=at.microsecond // 1000 * 1000),
                    by=by,
                    action=action,
                    subject=subject,
                    reason=reason,
                    details=dict(details or {}),
                    previous=head.digest,
                )
            )
            try:
                with database_errors():
                    await self._entries.insert_one(_document(entry))
            except DuplicateKeyError:
                continue
            log.info("audited", action=action, seq=entry.seq, digest=entry.digest, by=by)
            return entry
        raise Unavailable("MongoDB: others write to the audit all the time. Try again")

    async def head(self) -> Head:
        """The last entry's number and digest."""
        with database_errors():
            last = await self._entries.find_one(_NUMBERED, {"digest": 1}, sort=[("_id", -1)])
        return Head(last["_id"], str(last.get("digest"))) if last else Head()

    async def read(self, after: int = 0, limit: int = 100) -> list[Entry]:
        """The entries after that number, in order."""
        query = self._entries.find({"_id": {"$gt": after}}).sort("_id", 1).limit(limit)
        with database_errors():
            return [_entry(each) async for each in query]

    async def latest(
        self, limit: int, before: int | None = None, wanted: Mapping[str, str] | None = None
    ) -> list[Entry]:
        """The newest entries first, those before that number; `wanted` holds exact values of `by`,
        `action` or `subject`.
        """
        numbered = _NUMBERED if before is None else {"_id": {"$lt": before}}
        query = self._entries.find({**numbered, **(wanted or {})}).sort("_id", -1).limit(limit)
        with database_errors():
            return [_entry(each) async for each in query]

    async def every(self) -> AsyncIterator[Entry]:
        """All entries in order."""
        with database_errors():
            async for each in self._entries.find(_NUMBERED).sort("_id", 1):
                yield _entry(each)

    async def check(self, noted: Head | None = None) -> AuditCheck:
        """Follows the whole chain, whatever is in the collection, in bounded memory."""
        chain = ChainCheck(noted)
        with database_errors():
            async for each in self._entries.find().sort("_id", 1):
                if isinstance(each["_id"], int):
                    chain.follow(_entry(each))
                else:
                    chain.unreadable(str(each["_id"]))
        return chain.result()


_NUMBERED: dict[str, Any] = {"_id": {"$type": "number"}}


def _document(entry: Entry) -> Document:
    return {
        "_id": entry.seq,
        "at": entry.at,
        "by": entry.by,
        "action": entry.action,
        "subject": entry.subject,
        "reason": entry.reason,
        "details": dict(entry.details),
        "previous": entry.previous,
        "digest": entry.digest,
    }


def _entry(document: Document) -> Entry:
    """Reads a row as it is, a tampered one too: its digest tells."""
    at, details = document.get("at"), document.get("details")
    return Entry(
        seq=int(document["_id"]),
        at=at if isinstance(at, datetime) else datetime.min.replace(tzinfo=UTC),
        by=str(document.get("by", "")),
        action=str(document.get("action", "")),
        subject=str(document.get("subject", "")),
        reason=str(document.get("reason", "")),
        details=_details(details) if isinstance(details, dict) else {},
        previous=str(document.get("previous", BEGINNING)),
        digest=str(document.get("digest", "")),
    )


def _details(found: Mapping[str, object]) -> Details:
    return {
        name: value if value is None or isinstance(value, str | int) else repr(value)
        for name, value in found.items()
    }
