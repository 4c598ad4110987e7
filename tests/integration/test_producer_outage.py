"""A producer answers within its deadline while Kafka is away, and publishes again afterwards."""

from time import monotonic

import pytest

from schemas.codec import encode
from services.runtime.errors import Permanent, Unavailable
from services.runtime.kafka import Producer, Record
from services.runtime.metrics import Metrics
from tests.builders import received
from tests.delivery import Topic
from tests.infra import Handle
from tests.waiting import until


def lone_record(topic: Topic, size: int = 0) -> Record:
    return Record(topic.name, b"key", encode(received(1)) + b" " * size)


async def test_publish_fails_within_its_deadline_and_recovers(
    topic: Topic, kafka_server: Handle
) -> None:
    settings = topic.settings(kafka_produce_seconds=1.0)
    async with Producer(settings, "test", Metrics()) as producer:
        await producer.publish([lone_record(topic)])
        kafka_server.pause()

        async def published() -> bool:
            try:
                await producer.publish([lone_record(topic)])
            except Unavailable:
                return False
            return True

        async def refused() -> bool:
            return not await published()  # what is under way at a pause may still be confirmed

        await until(refused, "the outage to be felt")
        asked = monotonic()
        with pytest.raises(Unavailable):
            await producer.publish([lone_record(topic)])
        assert monotonic() - asked < 2
        kafka_server.resume()
        await until(published, "a confirmation after the outage", 30)


async def test_a_record_too_large_for_kafka_is_permanent(topic: Topic) -> None:
    async with Producer(topic.settings(), "test", Metrics()) as producer:
        with pytest.raises(Permanent):
            await producer.publish([lone_record(topic, size=5_000_000)])


async def test_a_broker_that_never_was_there_is_unavailable(topic: Topic) -> None:
    settings = topic.settings(kafka_servers="127.0.0.1:1", kafka_produce_seconds=0.5)
    async with Producer(settings, "test", Metrics()) as producer:
        with pytest.raises(Unavailable):
            await producer.publish([lone_record(topic)])
