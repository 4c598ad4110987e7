"""Where the audit is kept, MongoDB's collection `audit`; nothing changes or removes an entry."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from random import uniform
from time import monotonic
from typing import Any

import structlog
from bson.codec_options import CodecOptions, DatetimeConversion

from services.audit.entry import (
    BEGINNING,
    MOST_ENTRIES,
    AuditCheck,
    ChainCheck,
    Details,
    Entry,
    Head,
    chained,
)
from services.runtime.errors import Unavailable
from services.runtime.mongo import Database, Document, DuplicateKeyError, database_errors

_PATIENCE_SECONDS = 15.0
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0

# whoever can write to the database can write rows that are no entries: they are read as they are
_AS_IT_IS: CodecOptions[Document] = CodecOptions(
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)

log = structlog.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class MongoAuditLog:
    """Appends and reads entries. Every call raises `Unavailable` while the database is away."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = _now) -> None:
        self._entries = database["audit"].with_options(codec_options=_AS_IT_IS)
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
        """Writes the next entry; of two at once the unique `_id` lets one be the next, and the
        other tries again. The head is logged too, where the process logs.
        """
        ends, pause, taken = monotonic() + _PATIENCE_SECONDS, _FIRST_PAUSE_SECONDS, 0
        while monotonic() < ends:
            head = await self.head()
            at = self._clock()
            entry = chained(
                Entry(
                    seq=max(head.seq, taken) + 1,
                    at=at.replace(microsecond=at.microsecond // 1000 * 1000),
                    by=by,
                    action=action,
                    subject=subject,
                    reason=reason,
                    details=dict(details or {}),
                    previous=head.digest,
                )
            )
            if await self._is_inserted(entry):
                log.info("audited", action=action, seq=entry.seq, digest=entry.digest, by=by)
                return entry
            if await self._is_odd(entry.seq):
                taken = entry.seq
            else:
                await asyncio.sleep(uniform(0, pause))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        raise Unavailable("MongoDB: others write to the audit all the time. Try again")

    async def _is_inserted(self, entry: Entry) -> bool:
        """False when its number is another's."""
        try:
            with database_errors():
                await self._entries.insert_one(_document(entry))
        except DuplicateKeyError:
            return False
        return True

    async def _is_odd(self, number: int) -> bool:
        """Whether a row has this number that is no entry: one equals 1.0 in an index."""
        odd = {"_id": number, "$nor": [_NUMBERED]}
        with database_errors():
            return await self._entries.find_one(odd, {"_id": 1}) is not None

    async def head(self) -> Head:
        """The last entry's number and digest."""
        with database_errors():
            last = await self._entries.find_one(_NUMBERED, {"digest": 1}, sort=[("_id", -1)])
        return Head(last["_id"], str(last.get("digest"))) if last else Head()

    async def read(self, after: int = 0, limit: int = 100) -> list[Entry]:
        """The entries after that number, in order."""
        query = self._entries.find(_numbered({"$gt": after})).sort("_id", 1).limit(limit)
        with database_errors():
            return [_entry(each) async for each in query]

    async def latest(
        self, limit: int, before: int | None = None, wanted: Mapping[str, str] | None = None
    ) -> list[Entry]:
        """The newest entries first, those before that number; `wanted` holds exact values of `by`,
        `action` or `subject`.
        """
        most = MOST_ENTRIES if before is None else before
        query = (
            self._entries.find({**_numbered({"$lt": most}), **(wanted or {})})
            .sort("_id", -1)
            .limit(limit)
        )
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
                if _is_number(each["_id"]):
                    chain.follow(_entry(each))
                else:
                    chain.unreadable(str(each["_id"]))
        return chain.result()


def _numbered(limits: Mapping[str, int]) -> dict[str, Any]:
    """The rows whose `_id` is the number of an entry; MongoDB knows more kinds of numbers."""
    return {"_id": {"$type": ["int", "long"], "$gte": 1, "$lt": MOST_ENTRIES, **limits}}


_NUMBERED = _numbered({})


def _is_number(found: object) -> bool:
    return isinstance(found, int) and found is not True and 1 <= found < MOST_ENTRIES


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
