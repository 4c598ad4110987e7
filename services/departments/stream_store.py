"""The log of topic streams in MongoDB: `stream_log`, and a watermark per partition."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

from pymongo import UpdateOne

from services.departments.stream_log import Entry, Positions
from services.runtime.errors import Unavailable
from services.runtime.mongo import (
    BulkWriteError,
    Database,
    Document,
    database_errors,
    insert_absent,
)

LOG = "stream_log"
WATERMARKS = "stream_watermarks"

# an entry stays a while after a cursor at it has expired: nothing vanishes under a reader
_GRACE = timedelta(hours=1)


async def ensure_indexes(database: Database, retention: timedelta) -> None:
    """Makes the indexes by which the log is read, and expires; a new retention takes effect."""
    log = database[LOG]
    seconds = int((retention + _GRACE).total_seconds())
    with database_errors():
        await log.create_index([("partition", 1), ("offset", 1)], name="position")
        made = (await log.index_information()).get("retention")
        if made is None:
            await log.create_index("logged_at", name="retention", expireAfterSeconds=seconds)
        elif made["expireAfterSeconds"] != seconds:
            change = {"name": "retention", "expireAfterSeconds": seconds}
            await database.command("collMod", LOG, index=change)


class MongoStreamLog:
    """`StreamLog` on a replica set; `_id` is the event's id."""

    def __init__(
        self,
        database: Database,
        retention: timedelta,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._log = database[LOG]
        self._watermarks = database[WATERMARKS]
        self._retention = retention
        self._clock = clock

    async def append(self, entries: Sequence[Entry]) -> None:
        """Entries first: whoever sees a watermark sees what is below it."""
        now = self._clock()
        unique = {each.event_id: each for each in reversed(entries)}
        await insert_absent(self._log, [_document(each, now) for each in unique.values()])
        ends = {each.partition: each.offset + 1 for each in entries}
        firsts = {each.partition: each.offset for each in reversed(entries)}
        moves: list[Any] = [
            UpdateOne(
                {"_id": partition},
                {"$max": {"offset": end}, "$setOnInsert": {"first": firsts[partition]}},
                upsert=True,
            )
            for partition, end in ends.items()
        ]
        try:
            with database_errors():
                await self._watermarks.bulk_write(moves, ordered=False)
        except BulkWriteError as error:  # two processes made the same watermark at once
            raise Unavailable("MongoDB: a watermark was not written") from error

    async def watermarks(self) -> dict[int, int]:
        """One small read."""
        with database_errors():
            return {row["_id"]: row["offset"] async for row in self._watermarks.find()}

    async def read(self, partition: int, start: int, end: int, limit: int) -> list[Entry]:
        """By index."""
        with database_errors():
            cursor = self._log.find(
                {"partition": partition, "offset": {"$gte": start, "$lt": end}},
                sort=[("offset", 1)],
                limit=limit,
            )
            return [_entry(row) async for row in cursor]

    async def can_resume(self, positions: Positions) -> bool:
        """By the first entry within retention, in each partition that the positions are behind."""
        since = self._clock() - self._retention
        with database_errors():
            logged = {row["_id"]: row async for row in self._watermarks.find()}
            if any(
                offset > (logged[partition]["offset"] if partition in logged else 0)
                for partition, offset in positions.items()
            ):
                return False
            for partition, row in logged.items():
                start = max(positions.get(partition, 0), row["first"])
                if start < row["offset"] and start < await self._floor(partition, since):
                    return False
        return True

    async def _floor(self, partition: int, since: datetime) -> float:
        """The offset of the first entry within retention."""
        first = await self._log.find_one(
            {"partition": partition, "logged_at": {"$gte": since}},
            {"offset": 1},
            sort=[("offset", 1)],
        )
        return first["offset"] if first else inf


def _document(entry: Entry, now: datetime) -> Document:
    return {
        "_id": entry.event_id,
        "partition": entry.partition,
        "offset": entry.offset,
        "areas": entry.areas,
        "holders": entry.holders,
        "sensitive": entry.sensitive,
        "event": entry.event,
        "logged_at": now,
    }


def _entry(row: Document) -> Entry:
    return Entry(
        event_id=row["_id"],
        event=row["event"],
        areas=tuple(row["areas"]),
        holders=tuple(row["holders"]),
        sensitive=row["sensitive"],
        partition=row["partition"],
        offset=row["offset"],
    )
