"""Reads a topic from its beginning to where it ends now, outside any consumer group."""

import asyncio
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.runtime.errors import Unavailable, describe
from services.runtime.kafka import connection_options
from services.runtime.settings import KafkaSettings

_WAIT_MS = 1_000
_STALLED_SECONDS = 30.0


async def scan(settings: KafkaSettings, topic: str) -> AsyncIterator[ConsumerRecord]:
    """Yields every record that the topic holds when this begins, partition by partition.

    Raises `Unavailable` when the broker is away, does not know the topic, or stops answering.
    """
    consumer = AIOKafkaConsumer(
        **connection_options(settings), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        async with asyncio.timeout(settings.kafka_produce_seconds):
            parts = await _partitions(settings, topic)
            await consumer.start()
            ends = await consumer.end_offsets(parts)
        for part in parts:
            async for record in _read(consumer, part, ends[part]):
                yield record
    except (TimeoutError, KafkaError, OSError) as error:
        raise Unavailable(f"Kafka: {describe(error)}") from error
    finally:
        async with asyncio.timeout(settings.kafka_produce_seconds):
            await consumer.stop()


async def _partitions(settings: KafkaSettings, topic: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(**connection_options(settings))
    await admin.start()
    try:
        [found] = await admin.describe_topics([topic])
    finally:
        await admin.close()
    if found["error_code"]:
        raise Unavailable(f"Kafka has no topic {topic}: run python -m deploy.provision")
    return sorted(TopicPartition(topic, part["partition"]) for part in found["partitions"])


async def _read(
    consumer: AIOKafkaConsumer, part: TopicPartition, end: int
) -> AsyncIterator[ConsumerRecord]:
    consumer.assign([part])
    await consumer.seek_to_beginning(part)
    while await consumer.position(part) < end:
        async with asyncio.timeout(_STALLED_SECONDS):
            fetched: list[ConsumerRecord] = []
            while not fetched and await consumer.position(part) < end:
                fetched = (await consumer.getmany(part, timeout_ms=_WAIT_MS)).get(part, [])
        for record in fetched:
            if record.offset < end:
                yield record
