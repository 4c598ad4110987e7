"""P3: the router, Kafka to MongoDB, against raw `getmany` + `insert_many` of the same documents."""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer

from schemas.codec import decode
from schemas.departments import load_departments
from schemas.envelope import FeedbackTagged
from schemas.feedback import Feedback
from schemas.routing import ChosenDepartment
from schemas.tagging import Tagging
from services.queues.documents import feedback_document, item_document
from services.queues.mongo_store import MongoQueueStore
from services.router.handler import RoutingHandler, decide, items_of
from services.routing.decision import to_document
from services.routing.decision_store import MongoDecisionStore
from services.routing.rulebook import load_rules
from services.routing.rules import choose_departments
from services.runtime.consume import Settled
from services.runtime.kafka import Producer
from services.runtime.metrics import Metrics
from services.runtime.mongo import Client, Database, Document, durable
from tests.benchmarks.compare import Row, Stopwatch, compare
from tests.routing import Road

RECORDS = 10_000
_MAX_RECORDS = 500
_COLLECTIONS = ("routing_decisions", "feedback", "queue_items")

Rows = dict[str, list[Document]]
Build = Callable[[Sequence[FeedbackTagged]], Rows]
Observe = Callable[[Sequence[Settled[Any]]], None]


def _now() -> datetime:
    return datetime.now(UTC)


def _choose(tagging: Tagging, feedback: Feedback) -> tuple[ChosenDepartment, ...]:
    rules, departments = load_rules(), load_departments()
    return choose_departments(tagging, feedback, rules, departments, on=_now().date())


async def measure(road: Road, client: Client) -> list[Row]:
    """Both sides read the same topic with a new group and write to fresh collections.

    Ours also stores each decision before it acts, and publishes `feedback.routed`.
    """
    await road.write_tagged(range(RECORDS), "housing", "social-care")
    async with Producer(road.tagged.settings(), "bench", Metrics()) as producer:
        ways = Ways(road, client, producer)
        await ways.routed()
        what = "router, against getmany + insert_many of documents"
        return [
            await compare(
                "P3", f"{what} it builds", ways.routed, partial(ways.raw, _build), goal=0.85
            ),
            await compare(
                "P3", f"{what} ready made", ways.routed, partial(ways.raw, ways.ready), goal=0.85
            ),
        ]


class Ways:
    """The two ways from the tagged topic to the router's three collections."""

    def __init__(self, road: Road, client: Client, producer: Producer) -> None:
        self._road = road
        self._client = client
        self._producer = producer
        self._written: dict[str, Rows] = {}

    async def routed(self, observe: Observe | None = None) -> float:
        """Records a second by the router's handler under the consume contract."""
        database, watch = self._fresh(), Stopwatch(RECORDS)
        handler = RoutingHandler(
            _choose,
            "1",
            MongoDecisionStore(database),
            MongoQueueStore(database),
            self._producer.publish,
            self._road.routed.name,
            _now,
            Metrics(),
        )

        async def handle(events: Sequence[FeedbackTagged]) -> None:
            await handler.handle(events)
            watch.count(len(events))

        self._road.tagged.group = f"bench-{uuid.uuid4().hex}"
        async with self._road.tagged.subscribed(handle, max_records=_MAX_RECORDS, observe=observe):
            rate = await watch.rate
        if not self._written:
            self._written = await _by_feedback(database)
        await self._client.drop_database(database.name)
        return rate

    async def raw(self, build: Build) -> float:
        """Records a second by a loop that only reads, decodes, builds and inserts."""
        database, watch = self._fresh(), Stopwatch(RECORDS)
        consumer: Any = AIOKafkaConsumer(
            self._road.tagged.name,
            bootstrap_servers=self._road.tagged.servers,
            group_id=f"bench-{uuid.uuid4().hex}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        try:
            while not watch.rate.done():
                batches = await consumer.getmany(timeout_ms=20, max_records=_MAX_RECORDS)
                read = [record for records in batches.values() for record in records]
                if read:
                    events = [decode(record.value, FeedbackTagged) for record in read]
                    for name, rows in build(events).items():
                        await database[name].insert_many(rows, ordered=False)
                    await consumer.commit()
                    watch.count(len(events))
            return await watch.rate
        finally:
            await consumer.stop()
            await self._client.drop_database(database.name)

    def ready(self, events: Sequence[FeedbackTagged]) -> Rows:
        """The documents that the router wrote, ready made."""
        return {
            name: [row for each in events for row in self._written[each.subject][name]]
            for name in _COLLECTIONS
        }

    def _fresh(self) -> Database:
        return durable(self._client, f"bench_{uuid.uuid4().hex[:8]}")


def _build(events: Sequence[FeedbackTagged]) -> Rows:
    """The router's documents, by its own pure functions and nothing else of it."""
    now = _now()
    feedbacks = {event.subject: event.data.feedback for event in events}
    decisions = [decide(event, _choose, "1", now) for event in events]
    return {
        "routing_decisions": [to_document(each) for each in decisions],
        "feedback": [feedback_document(each) for each in feedbacks.values()],
        "queue_items": [
            item_document(item, feedbacks[each.feedback_id], now)
            for each in decisions
            for item in items_of(each)
        ],
    }


async def _by_feedback(database: Database) -> dict[str, Rows]:
    """What the router wrote, by feedback id: the raw side writes the same."""
    found: dict[str, Rows] = {}
    for name in _COLLECTIONS:
        async for row in database[name].find():
            feedback = row["_id"].partition(":")[0]
            found.setdefault(feedback, {each: [] for each in _COLLECTIONS})[name].append(row)
    return found
