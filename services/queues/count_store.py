"""Counts the queues of all departments, seldom enough to cost nothing: MongoDB's `queue_counts`."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from time import perf_counter
from typing import Any

from services.queues import statements
from services.runtime.errors import Unavailable
from services.runtime.mongo import Database, Document, DuplicateKeyError, database_errors

COLLECTION = "queue_counts"

# a count is made again after this long, or after so many times as long as the last one took
FRESH_SECONDS = 2.0
REST = 60

_SNAPSHOT = "departments"
_LEASE_SECONDS = 30.0
_PATIENCE_SECONDS = 0.3
_LOOK_AGAIN_SECONDS = 0.05
_TOO_OLD = timedelta(minutes=2)
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class QueueCount:
    """A department's queue. `waiting` can be received now, `in_flight` is leased or was put back
    for later, `oldest_at` is when the oldest of both was queued.
    """

    department: str
    waiting: int
    in_flight: int
    dead: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Every queue at one moment, in the order of the departments asked for."""

    counted_at: datetime
    took_seconds: float
    queues: tuple[QueueCount, ...]


class MongoQueueCounts:
    """The newest snapshot, counted anew by whoever asks when it is no longer fresh.

    Any number of processes may ask at any pace: one counts at a time, and rests `REST` times as
    long as counting took, so that asking costs the database at most a sixtieth of its time. An
    async context manager: its end gives up a count that nobody waits for.
    """

    def __init__(self, database: Database, departments: Sequence[str]) -> None:
        self._database = database
        self._snapshots = database[COLLECTION]
        self._items = database["queue_items"]
        self._departments = tuple(departments)
        self._counting: asyncio.Task[QueueCounts | None] | None = None

    async def __aenter__(self) -> "MongoQueueCounts":
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._counting is not None:
            self._counting.cancel()
            with suppress(asyncio.CancelledError, Unavailable):
                await self._counting

    async def read(self) -> QueueCounts:
        """A snapshot that is fresh, or the last one when counting takes long and it is not too old.

        Raises `Unavailable`.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEASE_SECONDS):
                while True:
                    if counts := await self._look():
                        return counts
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        raise Unavailable("MongoDB: another process counts the queues and does not end; ask again")

    async def _look(self) -> QueueCounts | None:
        """One try; none while another process makes the first count in a long time."""
        with database_errors():
            document, hello = await asyncio.gather(
                self._snapshots.find_one({"_id": _SNAPSHOT}), self._database.command("hello")
            )
        known, now = _read(document, self._departments), _time(hello)
        if known is not None and _is_fresh(known, now):
            return known
        if self._counting is None or self._counting.done():
            seen = (document or {}).get("counted_at")
            self._counting = asyncio.create_task(self._count_alone(now, seen))
            self._counting.add_done_callback(_look_at)
        usable = known if known is not None and now - known.counted_at < _TOO_OLD else None
        await asyncio.wait({self._counting}, timeout=_PATIENCE_SECONDS if usable else None)
        return (self._counting.result() if self._counting.done() else None) or usable

    async def _count_alone(self, now: datetime, seen: datetime | None) -> QueueCounts | None:
        """Counts and stores, if nobody else does or has done since the snapshot of `seen`."""
        token = token_hex(8)
        if not await self._take_lease(token, now, seen):
            return None
        changes: Document = {}
        try:
            counts = await self._count(now)
            changes = {"$set": _document(counts)}
            return counts
        finally:
            with database_errors():
                await self._snapshots.update_one(
                    {"_id": _SNAPSHOT, "counting.token": token},
                    changes | {"$unset": {"counting": ""}},
                )

    async def _take_lease(self, token: str, now: datetime, seen: datetime | None) -> bool:
        free = {"$or": [{"counting": None}, {"counting.until": {"$lte": now}}]}
        until = now + timedelta(seconds=_LEASE_SECONDS)
        try:
            with database_errors():
                taken = await self._snapshots.update_one(
                    {"_id": _SNAPSHOT, "counted_at": seen} | free,
                    {"$set": {"counting": {"token": token, "until": until}}},
                    upsert=True,
                )
        except DuplicateKeyError:  # it is there, and held or newer
            return False
        return bool(taken.matched_count or taken.upserted_id)

    async def _count(self, now: datetime) -> QueueCounts:
        started = perf_counter()
        with database_errors():
            gate = asyncio.Semaphore(_AT_ONCE)

            async def count(department: str) -> QueueCount:
                async with gate:
                    return await self._queue(department, now)

            queues = await asyncio.gather(*map(count, self._departments))
        return QueueCounts(now, perf_counter() - started, tuple(queues))

    async def _queue(self, department: str, now: datetime) -> QueueCount:
        dead = await self._number(statements.dead(department))
        unsettled = await self._number(statements.unsettled(department))
        if not unsettled:
            return QueueCount(department, 0, 0, dead, None)
        flying = await self._number(statements.not_yet(department, now))
        queued = [
            row["created_at"]
            for only, order in statements.first_in_line(department)
            async for row in self._items.find(
                only, {"_id": 0, "created_at": 1}, sort=[(order, 1)], limit=1
            )
        ]
        waiting = max(0, unsettled - flying)  # the two are counted one after the other
        return QueueCount(department, waiting, flying, dead, min(queued, default=None))

    async def _number(self, only: statements.Filter) -> int:
        """By the count command, which walks index keys and reads no document."""
        answer = await self._database.command("count", self._items.name, query=only)
        return int(answer["n"])


def _look_at(task: "asyncio.Task[QueueCounts | None]") -> None:
    """Looks at how a count ended that nobody may be waiting for, so that nobody warns."""
    if not task.cancelled():
        task.exception()


def _is_fresh(counts: QueueCounts, now: datetime) -> bool:
    rest = timedelta(seconds=max(FRESH_SECONDS, REST * counts.took_seconds))
    return now - counts.counted_at < rest


def _time(hello: Document) -> datetime:
    moment: datetime = hello["localTime"]
    return moment.replace(tzinfo=UTC)


def _document(counts: QueueCounts) -> Document:
    queues: dict[str, Any] = {
        each.department: {
            "waiting": each.waiting,
            "in_flight": each.in_flight,
            "dead": each.dead,
            "oldest_at": each.oldest_at,
        }
        for each in counts.queues
    }
    return {"counted_at": counts.counted_at, "took": counts.took_seconds, "queues": queues}


def _read(document: Document | None, departments: Sequence[str]) -> QueueCounts | None:
    """The stored snapshot; none where a department was not counted yet."""
    queues = (document or {}).get("queues", {})
    if document is None or not queues or not queues.keys() >= set(departments):
        return None
    return QueueCounts(
        document["counted_at"],
        document["took"],
        tuple(QueueCount(each, **queues[each]) for each in departments),
    )
