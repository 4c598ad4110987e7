"""Dead letters in MongoDB: `dead_letters`, a row each, and `dead_letter_marks`, a row a topic."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from pymongo import UpdateOne

from services.deadletters import statements
from services.deadletters.documents import letter_document, read_row
from services.deadletters.filter import Filter, query
from services.deadletters.letter import DeadLetter, Discard, State
from services.deadletters.store import Pile, Tally
from services.runtime.errors import Unavailable
from services.runtime.mongo import (
    BulkWriteError,
    Database,
    Document,
    database_errors,
    insert_absent,
)

COLLECTION = "dead_letters"
MARKS = "dead_letter_marks"

_IN_ORDER = [("topic", 1), ("dead_partition", 1), ("dead_offset", 1)]
_ENDED_INDEX = "ended"


async def ensure_indexes(database: Database, keep: timedelta) -> None:
    """Makes the indexes. A letter that was redriven or discarded expires after `keep`, which
    outlives every topic's retention; one that waits stays until somebody ends it.
    """
    letters = database[COLLECTION]
    with database_errors():
        # a redrive's next letters in order, and how many wait on each topic
        await letters.create_index([("state", 1), *_IN_ORDER])
        await letters.create_index([("last_at", -1), ("_id", 1)])  # the list
        await letters.create_index("feedback_id")
        await letters.create_index("claims.redrive")
        await letters.create_index(
            "ended_at", name=_ENDED_INDEX, expireAfterSeconds=int(keep.total_seconds())
        )


class MongoDeadLetterStore:
    """`DeadLetterStore` on a replica set; every change is conditional on the state before it."""

    def __init__(self, database: Database) -> None:
        self._letters = database[COLLECTION]
        self._marks = database[MARKS]

    async def marks(self) -> dict[str, dict[int, int]]:
        """Reads every mark: a row a topic."""
        with database_errors():
            rows = await self._marks.find().to_list(None)
        return {
            row["_id"]: {int(part): offset for part, offset in row["offsets"].items()}
            for row in rows
        }

    async def set_marks(self, dead_topic: str, offsets: Mapping[int, int]) -> None:
        """Sets them as they are: one that falls back is read again, to no effect."""
        if offsets:
            changes = {f"offsets.{part}": offset for part, offset in offsets.items()}
            with database_errors():
                await self._marks.update_one({"_id": dead_topic}, {"$set": changes}, upsert=True)

    async def add(self, letters: Sequence[DeadLetter]) -> int:
        """Inserts what is new; a repeat may be a new death."""
        first = {letter.id: letter for letter in reversed(letters)}
        known = await insert_absent(
            self._letters, [letter_document(each) for each in first.values()]
        )
        deaths = [
            UpdateOne(*statements.death(each))
            for each in letters
            if each.id in known or each is not first[each.id]
        ]
        if not deaths:
            return len(first) - len(known)
        return len(first) - len(known) + await self._bulk(deaths, ordered=True)

    async def find(self, letter_id: str) -> DeadLetter | None:
        """Reads one by `_id`."""
        with database_errors():
            row = await self._letters.find_one({"_id": letter_id})
        return read_row(row) if row else None

    async def page(self, only: Filter, most: int, after: str | None = None) -> list[DeadLetter]:
        """By the index of last deaths."""
        wanted = query(only)
        last = await self.find(after) if after else None
        if last is not None:
            same = {"last_at": last.last_at, "_id": {"$gt": last.id}}
            wanted = {"$and": [wanted, {"$or": [{"last_at": {"$lt": last.last_at}}, same]}]}
        with database_errors():
            cursor = self._letters.find(wanted, sort=[("last_at", -1), ("_id", 1)], limit=most)
            return [read_row(row) for row in await cursor.to_list(None)]

    async def count(self, only: Filter) -> int:
        """Counts."""
        with database_errors():
            return int(await self._letters.count_documents(query(only)))

    async def piles(self, only: Filter) -> list[Pile]:
        """Groups in the database."""
        key = {"topic": "$topic", "group": "$group", "error": "$error"}
        group = {"_id": key, "letters": {"$sum": 1}, "reason": {"$last": "$reason"}}
        with database_errors():
            cursor = self._letters.aggregate([{"$match": query(only)}, {"$group": group}])
            rows = await cursor.to_list(None)
        found = [Pile(**row["_id"], letters=row["letters"], reason=row["reason"]) for row in rows]
        return sorted(found, key=lambda each: (-each.letters, each.topic, each.group, each.error))

    async def count_waiting(self, topics: Collection[str]) -> dict[str, int]:
        """A count over a range of the index for each topic."""
        waiting = {"state": str(State.WAITING)}
        with database_errors():
            return {
                topic: await self._letters.count_documents(waiting | {"topic": topic})
                for topic in topics
            }

    async def of_feedback(self, feedback_id: str) -> list[DeadLetter]:
        """By the index of feedback ids."""
        return (await self.find_states([feedback_id])).get(feedback_id, [])

    async def find_states(self, feedback_ids: Collection[str]) -> dict[str, list[DeadLetter]]:
        """One read."""
        found: dict[str, list[DeadLetter]] = {}
        with database_errors():
            cursor = self._letters.find({"feedback_id": {"$in": list(feedback_ids)}})
            for row in await cursor.sort([("first_at", 1), ("_id", 1)]).to_list(None):
                found.setdefault(row["feedback_id"], []).append(read_row(row))
        return found

    async def every(self, only: Filter) -> AsyncIterator[DeadLetter]:
        """Reads with a cursor."""
        with database_errors():
            async for row in self._letters.find(query(only)):
                yield read_row(row)

    async def claim(self, redrive: str, only: Filter, most: int, now: datetime) -> list[DeadLetter]:
        """Reads candidates, stamps those that are still claimable, and reads back what it got."""
        wanted = [query(only), statements.claimable(redrive)]
        with database_errors():
            cursor = self._letters.find({"$and": wanted}, {"_id": 1}, sort=_sorted(), limit=most)
            ids = [row["_id"] for row in await cursor.to_list(None)]
            if not ids:
                return []
            among = {"$and": [{"_id": {"$in": ids}}, *wanted]}
            await self._letters.update_many(among, statements.claim(redrive, now))
            rows = await self._letters.find(
                statements.claimed(redrive) | {"_id": {"$in": ids}}
            ).to_list(None)
        return _ordered(rows)

    async def claimed(self, redrive: str) -> list[DeadLetter]:
        """Those of one chunk, usually none."""
        with database_errors():
            return _ordered(await self._letters.find(statements.claimed(redrive)).to_list(None))

    async def mark_redriven(self, letters: Sequence[DeadLetter], now: datetime) -> None:
        """Conditional on the very claim."""
        await self._settle(letters, {"$set": {"state": str(State.REDRIVEN), "ended_at": now}})

    async def mark_failed(self, letter: DeadLetter, why: str) -> None:
        """The claim stays, with why."""
        failed = {"state": str(State.WAITING), "unsendable": why, "claims.$[last].failed": why}
        with database_errors():
            await self._letters.update_one(
                statements.as_claimed(letter),
                {"$set": failed},
                array_filters=[{"last.count": letter.redrives}],
            )

    async def put_back(self, letters: Sequence[DeadLetter]) -> None:
        """Takes the claim off; its count is used up."""
        waiting = {"$set": {"state": str(State.WAITING)}, "$pop": {"claims": 1}}
        await self._settle(letters, waiting)

    async def _settle(self, letters: Sequence[DeadLetter], change: Document) -> None:
        if letters:
            await self._bulk([UpdateOne(statements.as_claimed(each), change) for each in letters])

    async def _bulk(self, writes: Sequence[UpdateOne], *, ordered: bool = False) -> int:
        try:
            with database_errors():
                done = await self._letters.bulk_write(writes, ordered=ordered)
        except BulkWriteError as error:
            raise Unavailable("MongoDB: a change of dead letters was refused") from error
        return int(done.modified_count)

    async def tally(self, redrive: str) -> Tally:
        """Counts claims by their ends."""
        claim = {"claims": {"$elemMatch": {"redrive": redrive, "failed": None}}}
        failed = {"claims": {"$elemMatch": {"redrive": redrive, "failed": {"$ne": None}}}}
        with database_errors():
            taken = await self._letters.count_documents(claim)
            still_open = await self._letters.count_documents(statements.claimed(redrive))
            return Tally(
                redriven=taken - still_open,
                failed=await self._letters.count_documents(failed),
                open=still_open,
            )

    async def discard(self, only: Filter, most: int | None, discard: Discard) -> int:
        """Reads the ids first where there is a limit; the write is conditional on waiting."""
        wanted: Document = {"$and": [query(only), {"state": str(State.WAITING)}]}
        ended = {"by": discard.by, "at": discard.at, "reason": discard.reason}
        change = {"state": str(State.DISCARDED), "discard": ended, "ended_at": discard.at}
        with database_errors():
            if most is not None:
                cursor = self._letters.find(wanted, {"_id": 1}, sort=[("last_at", 1)], limit=most)
                ids = [row["_id"] for row in await cursor.to_list(None)]
                wanted["$and"].append({"_id": {"$in": ids}})
            done = await self._letters.update_many(wanted, {"$set": change})
        return int(done.modified_count)


def _sorted() -> list[tuple[str, int]]:
    return list(_IN_ORDER)


def _ordered(rows: Sequence[Document]) -> list[DeadLetter]:
    letters = [read_row(row) for row in rows]
    return sorted(letters, key=lambda each: (each.topic, each.dead_partition, each.dead_offset))
