"""Queues in MongoDB: `feedback` holds each text once, `queue_items` one document per department."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from secrets import token_hex
from typing import Any

import structlog
from pymongo import UpdateMany

from schemas.feedback import Feedback
from services.queues import documents, statements
from services.queues.item import BUCKETS, MOST_RECEIVES, Result, feedback_id_of
from services.queues.store import Depth, LeasedItem, LeaseRef, NewItem
from services.runtime.errors import Unavailable
from services.runtime.mongo import (
    BulkWriteError,
    Database,
    Document,
    database_errors,
    insert_absent,
)

_CLAIM_ROUNDS = 5
_ALL_BUCKETS = tuple(range(BUCKETS))

log = structlog.get_logger(__name__)


async def ensure_indexes(database: Database, keep: timedelta) -> None:
    """Makes the indexes of the queues. Settled items whose progress is published expire after
    `keep`, which outlives every topic's retention, so that a replay finds them and changes nothing.
    Feedback stays, and so does an item that is not settled.
    """
    items = database["queue_items"]
    with database_errors():
        for name, (keys, only) in statements.INDEXES.items():
            await items.create_index(keys, name=name, partialFilterExpression=only)
        await items.create_index(
            "settlement.at",
            name="finished",
            partialFilterExpression={"progress": documents.PUBLISHED},
            expireAfterSeconds=int(keep.total_seconds()),
        )


class MongoQueueStore:
    """`QueueStore` on a replica set; leases go by the server's clock.

    A claim reads candidates by index, stamps them in one write where they are still ready, and
    reads back what it got. Items go in order of their turn, until claims of other processes meet
    ours: then each process works through the buckets from its own `first_bucket` on.
    """

    def __init__(
        self,
        database: Database,
        *,
        most_receives: int = MOST_RECEIVES,
        first_bucket: int = 0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_token: Callable[[], str] = lambda: token_hex(12),
    ) -> None:
        self._feedback = database["feedback"]
        self._items = database["queue_items"]
        self._most_receives = most_receives
        self._bucket = first_bucket % BUCKETS
        self._clock = clock
        self._new_token = new_token
        self._contested: set[str] = set()

    async def enqueue(
        self, feedbacks: Sequence[Feedback], items: Sequence[NewItem]
    ) -> frozenset[str]:
        """Text first, then items: no item can be received without its text."""
        now = self._clock()
        by_id = {each.id: each for each in feedbacks}
        rows = [documents.item_document(each, by_id[each.feedback_id], now) for each in items]
        by_name = {row["_id"]: row for row in rows}
        texts = [documents.feedback_document(each) for each in by_id.values()]
        await insert_absent(self._feedback, texts)
        repeated = await insert_absent(self._items, list(by_name.values()))
        return frozenset(by_name) - repeated

    async def receive(
        self, department: str, max_items: int, visibility_seconds: float
    ) -> list[LeasedItem]:
        """Claims again while every candidate went to someone else, or died."""
        with database_errors():
            for _ in range(_CLAIM_ROUNDS):
                ids = await self._candidates(department, max_items)
                if not ids:
                    break
                if leased := await self._claim(department, ids, visibility_seconds):
                    return leased
        return []

    async def _candidates(self, department: str, limit: int) -> list[str]:
        ids: list[str] = []
        if department in self._contested:
            self._bucket = (self._bucket + 1) % BUCKETS
            ids = await self._ready_ids(department, (self._bucket,), limit)
        if len(ids) < limit:
            self._contested.discard(department)
            others = await self._ready_ids(department, _ALL_BUCKETS, limit)
            ids = list(dict.fromkeys(ids + others))[:limit]
        return ids

    async def _ready_ids(self, department: str, buckets: Sequence[int], limit: int) -> list[str]:
        cursor = self._items.find(
            statements.ready_in(department, buckets),
            {"_id": 1},
            sort=[("visible_at", 1)],
            limit=limit,
            batch_size=limit + 1,
        )
        return [row["_id"] for row in await cursor.to_list(None)]

    async def _claim(self, department: str, ids: list[str], seconds: float) -> list[LeasedItem]:
        token, most = self._new_token(), self._most_receives
        claimed = await self._items.update_many(
            statements.claimable(ids, most), statements.claim(token, seconds)
        )
        missed = len(ids) - claimed.modified_count
        if missed and missed > await self._bury(department, ids):
            self._contested.add(department)
        if claimed.modified_count == 0:
            return []
        rows = {row["_id"]: row async for row in self._items.find(statements.leased(ids, token))}
        texts = await self._texts([feedback_id_of(name) for name in rows])
        return [
            documents.read_leased(rows[name], texts.get(feedback_id_of(name)))
            for name in ids
            if name in rows
        ]

    async def _bury(self, department: str, ids: list[str]) -> int:
        dead = await self._items.update_many(
            statements.exhausted(ids, self._most_receives), statements.bury(self._new_token())
        )
        if dead.modified_count:
            log.warning(
                "items received too often",
                action="bury",
                department=department,
                items=dead.modified_count,
            )
        return dead.modified_count

    async def _texts(self, ids: list[str]) -> dict[str, Document]:
        cursor = self._feedback.find({"_id": {"$in": ids}})
        return {row["_id"]: documents.read_feedback(row) async for row in cursor}

    async def acknowledge(self, department: str, leases: Sequence[LeaseRef]) -> list[Result]:
        """One write for all; the state and what is to be published change together."""
        call = self._new_token()
        return await self._apply(department, leases, call, statements.acknowledge(call))

    async def extend(
        self, department: str, leases: Sequence[LeaseRef], visibility_seconds: float
    ) -> list[Result]:
        """One write for all."""
        call = self._new_token()
        pipeline = statements.extend(call, visibility_seconds)
        return await self._apply(department, leases, call, pipeline, held=statements.held_still)

    async def release(
        self, department: str, leases: Sequence[LeaseRef], delay_seconds: float
    ) -> list[Result]:
        """One write for all."""
        call = self._new_token()
        pipeline = statements.release(call, delay_seconds)
        return await self._apply(
            department, leases, call, pipeline, result_of=statements.result_of_release
        )

    async def give_back(self, department: str, leases: Sequence[LeaseRef]) -> list[Result]:
        """One write for all."""
        call = self._new_token()
        pipeline = statements.give_back(call)
        return await self._apply(
            department, leases, call, pipeline, result_of=statements.result_of_release
        )

    async def dead_letter(
        self, department: str, leases: Sequence[LeaseRef], reason: str
    ) -> list[Result]:
        """One write for all."""
        call = self._new_token()
        return await self._apply(department, leases, call, statements.dead_letter(call, reason))

    async def _apply(
        self,
        department: str,
        leases: Sequence[LeaseRef],
        call: str,
        pipeline: statements.Pipeline,
        *,
        held: Callable[[str, Sequence[str], str], statements.Filter] = statements.held,
        result_of: Callable[[Document | None, str, str], Result] = statements.result_of,
    ) -> list[Result]:
        """Changes what each token holds; only when that is not everything, reads back why."""
        distinct = sorted(set(leases), key=lambda lease: lease.token)
        if not distinct:
            return []
        writes: list[Any] = [
            UpdateMany(held(department, [lease.item_id for lease in group], token), pipeline)
            for token, group in groupby(distinct, key=lambda lease: lease.token)
        ]
        try:
            with database_errors():
                changed = await self._items.bulk_write(writes, ordered=False)
                if changed.modified_count == len(distinct):
                    return [Result.DONE] * len(leases)
                rows = await self._outcomes(department, [lease.item_id for lease in distinct])
        except BulkWriteError as error:
            raise Unavailable("MongoDB: a lease write was refused") from error
        return [result_of(rows.get(lease.item_id), lease.token, call) for lease in leases]

    async def _outcomes(self, department: str, ids: Sequence[str]) -> dict[str, Document]:
        cursor = self._items.find(
            {"_id": {"$in": list(ids)}, "department": department}, {"lease": 1, "settlement": 1}
        )
        return {row["_id"]: row async for row in cursor}

    async def depth(self, department: str) -> Depth:
        """Counts by index alone, except what is in flight."""
        items = self._items
        with database_errors():
            unsettled = await items.count_documents(statements.unsettled(department))
            flying = await items.count_documents(statements.in_flight(department))
            dead = await items.count_documents(statements.dead(department))
            ages = [
                row["age"]
                for pipeline in statements.oldest(department)
                for row in await items.aggregate(pipeline).to_list(None)
            ]
        oldest = max(0.0, max(ages) / 1000) if ages else None
        return Depth(max(0, unsettled - flying), flying, dead, oldest)
