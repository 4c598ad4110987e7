"""P3: the router, Kafka to MongoDB, against raw `getmany` + `insert_many` of the same documents."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer

from schemas.codec import decode
from schemas.departments import load_departments
from schemas.envelope import FeedbackTagged
from schemas.feedback import Feedback
from schemas.routing import ChosenDepartment
from schemas.tagging import Tagging
from services.queues.mongo_store import MongoQueueStore
from services.router.handler import RoutingHandler
from services.routing.decision_store import MongoDecisionStore
from services.routing.rulebook import load_rules
from services.routing.rules import choose_departments
from services.runtime.kafka import Producer
from services.runtime.metrics import Metrics
from services.runtime.mongo import Client, Database, Document, durable
from tests.benchmarks.compare import Row, Stopwatch, compare
from tests.routing import Road

RECORDS = 10_000
_MAX_RECORDS = 500
_COLLECTIONS = ("routing_decisions", "feedback", "queue_items")


def _choose(tagging: Tagging, feedback: Feedback) -> tuple[ChosenDepartment, ...]:
    today = datetime.now(UTC).date()
    return choose_departments(tagging, feedback, load_rules(), load_departments(), on=today)


async def measure(road: Road, client: Client) -> Row:
    """Both sides read the same topic with a new group and write to fresh collections."""
    await road.write_tagged(range(RECORDS), "housing", "social-care")
    settings = road.tagged.settings(max_records=_MAX_RECORDS)
    metrics = Metrics()
    documents: dict[str, dict[str, list[Document]]] = {}

    async with Producer(settings, "bench", metrics) as producer:

        async def ours() -> float:
            database = durable(client, f"bench_{uuid.uuid4().hex[:8]}")
            watch = Stopwatch(RECORDS)
            handler = RoutingHandler(
                _choose,
                "1",
                MongoDecisionStore(database),
                MongoQueueStore(database),
                producer.publish,
                road.routed.name,
                lambda: datetime.now(UTC),
                metrics,
            )

            async def handle(events: Sequence[FeedbackTagged]) -> None:
                await handler.handle(events)
                watch.count(len(events))

            road.tagged.group = f"bench-{uuid.uuid4().hex}"
            async with road.tagged.subscribed(handle, max_records=_MAX_RECORDS):
                rate = await watch.rate
            if not documents:
                documents.update(await _by_feedback(database))
            await client.drop_database(database.name)
            return rate

        async def raw() -> float:
            if not documents:
                await ours()
            database = durable(client, f"bench_{uuid.uuid4().hex[:8]}")
            watch = Stopwatch(RECORDS)
            consumer: Any = AIOKafkaConsumer(
                road.tagged.name,
                bootstrap_servers=road.tagged.servers,
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
                    if not read:
                        continue
                    events = [decode(record.value, FeedbackTagged) for record in read]
                    for name in _COLLECTIONS:
                        rows = [row for each in events for row in documents[each.subject][name]]
                        await database[name].insert_many(rows, ordered=False)
                    await consumer.commit()
                    watch.count(len(events))
                return await watch.rate
            finally:
                await consumer.stop()
                await client.drop_database(database.name)

        what = "router Kafka→MongoDB→Kafka, against getmany + insert_many"
        return await compare("P3", what, ours, raw, goal=0.85)


async def _by_feedback(database: Database) -> dict[str, dict[str, list[Document]]]:
    """What the router wrote, by feedback id: the raw side writes the same."""
    found: dict[str, dict[str, list[Document]]] = {}
    for name in _COLLECTIONS:
        async for row in database[name].find():
            feedback = row["_id"].partition(":")[0]
            found.setdefault(feedback, {each: [] for each in _COLLECTIONS})[name].append(row)
    return found
