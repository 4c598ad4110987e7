"""Counts the queues of all departments, seldom enough to cost nothing: MongoDB's `queue_counts`."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from time import perf_counter
from typing import Any, Self

from services.queues import statements
from services.runtime.errors import Unavailable
from services.runtime.mongo import (
    Database,
    Document,
    DuplicateKeyError,
    database_errors,
    server_time,
)

COLLECTION = "queue_counts"

# a count is made again after this long, or after so many times as long as the last one took
FRESH_SECONDS = 2.0
REST = 60
# one that failed or was given up is tried again sooner, because nothing came of it
REST_AFTER_FAILURE = 20

_SNAPSHOT = "departments"
_LEASE_SECONDS = 30.0
# a count under way is waited for so long when the last snapshot is at most this old, or older
_PATIENCE_SECONDS = 0.3
_LONGER_PATIENCE_SECONDS = 2.0
_OLD = timedelta(minutes=2)
_LOOK_AGAIN_SECONDS = 0.05
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
    long as counting took, so that asking costs the database at most a sixtieth of its time. A count
    that fails or is given up is noted and rested from, too. An async context manager: its end gives
    up a count that nobody waits for.
    """

    def __init__(self, database: Database, departments: Sequence[str]) -> None:
        self._database = database
        self._snapshots = database[COLLECTION]
        self._items = database["queue_items"]
        self._departments = tuple(departments)
        self._counting: asyncio.Task[QueueCounts | None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._counting is not None:
            self._counting.cancel()
            with suppress(asyncio.CancelledError, Unavailable):
                await self._counting

    async def read(self) -> QueueCounts | None:
        """A snapshot that is fresh, or the last one when counting takes long, whatever its age.

        Where there is none, it waits for the first count; none while the first one rests after it
        failed. Raises `Unavailable`.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEASE_SECONDS):
                while True:
                    with database_errors():
                        document, now = await asyncio.gather(
                            self._snapshots.find_one({"_id": _SNAPSHOT}),
                            server_time(self._database),
                        )
                    known = _read(document, self._departments)
                    if _rests(document or {}, known, now):
                        return known
                    if counts := await self._renewed(document or {}, known, now):
                        return counts
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        raise Unavailable("MongoDB: another process counts the queues and does not end; ask again")

    async def finish(self, seconds: float) -> None:
        """Lets a count that is under way end, but waits no longer than this."""
        if self._counting is not None:
            await asyncio.wait({self._counting}, timeout=seconds)

    async def _renewed(
        self, document: Document, known: QueueCounts | None, now: datetime
    ) -> QueueCounts | None:
        """A new count, or what is known; none while another process makes the first count."""
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._count_alone(now, _seen(document)))
            self._counting.add_done_callback(_look_at)
        patience = None
        if known is not None:
            is_old = now - known.counted_at > _OLD
            patience = _LONGER_PATIENCE_SECONDS if is_old else _PATIENCE_SECONDS
        await asyncio.wait({self._counting}, timeout=patience)
        if not self._counting.done() or (known is not None and self._counting.exception()):
            return known
        return self._counting.result() or known

    async def _count_alone(self, now: datetime, seen: Document) -> QueueCounts | None:
        """Counts and stores, if nobody else does or has done since the snapshot of `seen`."""
        token, started = token_hex(8), perf_counter()
        if not await self._take_lease(token, now, seen):
            return None
        counts = None
        try:
            counts = await self._count(now)
            return counts
        finally:
            took = perf_counter() - started
            changes = _document(counts) if counts else {"failed": {"at": now, "took": took}}
            done = {"counting": ""} | ({"failed": ""} if counts else {})
            with database_errors():
                await self._snapshots.update_one(
                    {"_id": _SNAPSHOT, "counting.token": token}, {"$set": changes, "$unset": done}
                )

    async def _take_lease(self, token: str, now: datetime, seen: Document) -> bool:
        free = {"$or": [{"counting": None}, {"counting.until": {"$lte": now}}]}
        until = now + timedelta(seconds=_LEASE_SECONDS)
        try:
            with database_errors():
                taken = await self._snapshots.update_one(
                    {"_id": _SNAPSHOT} | seen | free,
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


def _rests(document: Document, known: QueueCounts | None, now: datetime) -> bool:
    """Whether the last count is fresh, or the last try was too costly to be made again by now."""
    if known is not None and _is_since(now, known.counted_at, REST * known.took_seconds):
        return True
    failed = document.get("failed")
    return failed is not None and _is_since(now, failed["at"], REST_AFTER_FAILURE * failed["took"])


def _is_since(now: datetime, moment: datetime, seconds: float) -> bool:
    return now - moment < timedelta(seconds=max(FRESH_SECONDS, seconds))


def _seen(document: Document) -> Document:
    """What a count is not made again for when somebody else changed it meanwhile."""
    return {name: document.get(name) for name in ("counted_at", "failed")}


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
