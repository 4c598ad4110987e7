"""P2: our publish path against a raw idempotent producer at equal concurrency."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import perf_counter

from aiokafka import AIOKafkaProducer

from schemas.codec import encode
from services.intake.publisher import Publisher
from services.receipts.memory_receipt_store import MemoryReceiptStore
from services.receipts.receipt import Receipt
from services.runtime.kafka import Producer, Record
from services.runtime.metrics import Metrics
from tests.benchmarks.compare import Row, compare
from tests.builders import NOON, feedback_id, received, reference
from tests.delivery import Topic

_EVENTS = 20_000
_CONCURRENCY = 256


class _NoMarks(MemoryReceiptStore):
    """Marks nothing: what is measured ends with the broker's confirmation."""

    async def mark_published(self, ids: Sequence[str]) -> None:
        """Does nothing."""


async def _rate(send: Callable[[Receipt], Awaitable[None]], receipts: list[Receipt]) -> float:
    """Events a second with a fixed number of requests that each wait for their confirmation."""
    left = iter(receipts)

    async def request() -> None:
        for receipt in left:
            await send(receipt)

    started = perf_counter()
    await asyncio.gather(*[request() for _ in range(_CONCURRENCY)])
    return len(receipts) / (perf_counter() - started)


async def measure(topic: Topic) -> list[Row]:
    """Single events, each confirmed before its request goes on: the way of intake, which publishes
    together what gathers meanwhile, and a `Producer` call for each.
    """
    receipts = [
        Receipt(feedback_id(n), reference(n), "org-1", b"", encode(received(n)), NOON)
        for n in range(_EVENTS)
    ]
    raw_producer = AIOKafkaProducer(
        bootstrap_servers=topic.servers,
        acks="all",
        enable_idempotence=True,
        max_batch_size=262_144,
    )
    await raw_producer.start()

    async def send_raw(receipt: Receipt) -> None:
        await raw_producer.send_and_wait(topic.name, receipt.event, receipt.id.encode())

    try:
        async with (
            Producer(topic.settings(), "bench", Metrics()) as producer,
            Publisher(producer.publish, _NoMarks(), topic.name, Metrics()) as publisher,
        ):

            async def send_alone(receipt: Receipt) -> None:
                record = Record(topic.name, receipt.id.encode(), receipt.event)
                await producer.publish([record])

            what = f"publish, {_CONCURRENCY} at once"
            raw = partial(_rate, send_raw, receipts)
            ours = partial(_rate, lambda receipt: publisher.publish([receipt]), receipts)
            alone = partial(_rate, send_alone, receipts)
            return [
                await compare("P2", f"{what}, as intake, against raw producer", ours, raw, 0.85),
                await compare("P2", f"{what}, a call each, against raw producer", alone, raw, 0.85),
            ]
    finally:
        await raw_producer.stop()
