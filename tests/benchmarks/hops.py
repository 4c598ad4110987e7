"""T1, T3: what recording hops costs: the same consumer with and without it."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from prometheus_client import generate_latest

from schemas.envelope import FeedbackReceived
from services.runtime.kafka import Producer
from services.runtime.metrics import Metrics
from services.runtime.mongo import Client, durable
from services.tracing.hop_store import MongoHopStore
from services.tracing.recorder import Recorder
from tests.benchmarks.compare import Row, Stopwatch, compare
from tests.benchmarks.route import RECORDS, Observe, Ways
from tests.delivery import Topic
from tests.routing import Road

_CONSUMED = 30_000
_MAX_RECORDS = 500


async def measure_router(road: Road, client: Client) -> Row:
    """The router as P3 measures it."""
    await road.write_tagged(range(RECORDS), "housing", "social-care")
    async with Producer(road.tagged.settings(), "bench", Metrics()) as producer:
        ways = Ways(road, client, producer)

        async def recording() -> float:
            async with _recorder(client) as observe:
                return await ways.routed(observe)

        return await compare("T3", "router with hops, without", recording, ways.routed, goal=0.95)


async def measure_consume(topic: Topic, client: Client) -> Row:
    """A consumer that does nothing with its events: the most that hops can cost."""
    await topic.write_feedback(range(_CONSUMED))

    async def plain(observe: Observe | None = None) -> float:
        watch = Stopwatch(_CONSUMED)

        async def handle(events: Sequence[FeedbackReceived]) -> None:
            watch.count(len(events))

        topic.group = f"bench-{uuid.uuid4().hex}"
        async with topic.subscribed(handle, max_records=_MAX_RECORDS, observe=observe):
            return await watch.rate

    async def recording() -> float:
        async with _recorder(client) as observe:
            return await plain(observe)

    what = "a consumer that does nothing with hops, without"
    return await compare("T1", what, recording, plain, goal=0.70)


@asynccontextmanager
async def _recorder(client: Client) -> AsyncIterator[Observe]:
    metrics, database = Metrics(), durable(client, f"bench_{uuid.uuid4().hex[:8]}")
    async with Recorder(MongoHopStore(database), metrics, "bench", "1") as recorder:
        yield partial(recorder.observe, "bench")
    counts = [
        line
        for line in generate_latest(metrics.registry).decode().splitlines()
        if line.startswith("frontline_hops_total")
    ]
    print("  hops:", "; ".join(counts))
    await client.drop_database(database.name)
