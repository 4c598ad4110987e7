"""P1: the consume path, validation included, against raw `getmany` and the same decoding."""

import uuid
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer

from schemas.codec import decode
from schemas.envelope import FeedbackReceived
from tests.benchmarks.compare import Row, Stopwatch, compare
from tests.delivery import Topic

RECORDS = 30_000
_MAX_RECORDS = 500


async def measure(topic: Topic) -> Row:
    """A topic of `RECORDS` feedbacks, read from its start by a new group each time."""
    await topic.write_feedback(range(RECORDS))

    async def ours() -> float:
        watch = Stopwatch(RECORDS)

        async def handle(events: Sequence[FeedbackReceived]) -> None:
            watch.count(len(events))

        topic.group = f"bench-{uuid.uuid4().hex}"
        async with topic.subscribed(handle, max_records=_MAX_RECORDS):
            return await watch.rate

    async def raw() -> float:
        watch = Stopwatch(RECORDS)
        consumer: Any = AIOKafkaConsumer(
            topic.name,
            bootstrap_servers=topic.servers,
            group_id=f"bench-{uuid.uuid4().hex}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        try:
            while not watch.rate.done():
                batches = await consumer.getmany(timeout_ms=20, max_records=_MAX_RECORDS)
                for records in batches.values():
                    events = [decode(record.value, FeedbackReceived) for record in records]
                    watch.count(len(events))
                if batches:
                    await consumer.commit()
            return await watch.rate
        finally:
            await consumer.stop()

    what = "consume contract, against raw getmany + decoding"
    return await compare("P1", what, ours, raw, goal=0.80)
