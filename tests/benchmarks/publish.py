"""P2: our publish path against a raw idempotent producer at equal concurrency."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

from aiokafka import AIOKafkaProducer

from schemas.codec import encode
from services.runtime.kafka import Producer, Record
from services.runtime.metrics import Metrics
from tests.benchmarks.compare import Row, compare
from tests.builders import feedback_id, received
from tests.delivery import Topic

_RECORDS = 10_000
_CONCURRENCY = 256


async def _rate(send: Callable[[Record], Awaitable[object]], records: list[Record]) -> float:
    """Records a second with a fixed number of requests that each wait for their confirmation."""
    left = iter(records)

    async def request() -> None:
        for record in left:
            await send(record)

    started = perf_counter()
    await asyncio.gather(*[request() for _ in range(_CONCURRENCY)])
    return len(records) / (perf_counter() - started)


async def measure(topic: Topic) -> Row:
    """Single records, each confirmed before its request goes on."""
    records = [
        Record(topic.name, feedback_id(n).encode(), encode(received(n))) for n in range(_RECORDS)
    ]
    raw_producer = AIOKafkaProducer(
        bootstrap_servers=topic.servers,
        acks="all",
        enable_idempotence=True,
        max_batch_size=262_144,
    )
    await raw_producer.start()
    async with Producer(topic.settings(), "bench", Metrics()) as producer:

        async def ours() -> float:
            return await _rate(lambda record: producer.publish([record]), records)

        async def raw() -> float:
            async def send(record: Record) -> None:
                await raw_producer.send_and_wait(record.topic, record.value, record.key)

            return await _rate(send, records)

        try:
            what = f"publish, {_CONCURRENCY} at once, against raw producer"
            return await compare("P2", what, ours, raw, goal=0.85)
        finally:
            await raw_producer.stop()
