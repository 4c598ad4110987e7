"""Topics and groups are looked at from outside, and nothing changes by it."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from services.runtime.browse import Browser, UnknownTopic
from services.runtime.errors import Unavailable
from tests.delivery import PARTITIONS, Topic
from tests.infra import Handle

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


async def write(topic: Topic, partition: int, values: list[bytes]) -> None:
    """Writes records that are a minute apart, by their timestamps."""
    producer = AIOKafkaProducer(bootstrap_servers=topic.servers)
    await producer.start()
    try:
        for number, value in enumerate(values):
            moment = START + timedelta(minutes=number)
            await producer.send_and_wait(
                topic.name,
                value,
                partition=partition,
                timestamp_ms=int(moment.timestamp() * 1000),
            )
    finally:
        await producer.stop()


async def commit(topic: Topic, partition: int, offset: int) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=topic.servers, group_id=topic.group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        part = TopicPartition(topic.name, partition)
        consumer.assign([part])
        await consumer.commit({part: offset})
    finally:
        await consumer.stop()


async def forget(topic: Topic, partition: int, before: int) -> None:
    """Deletes what is older than an offset, as retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=topic.servers)
    await admin.start()
    try:
        part = TopicPartition(topic.name, partition)
        await admin.delete_records({part: RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()


async def test_offsets_and_times_are_told_by_partition(topic: Topic) -> None:
    await write(topic, 0, [b"a", b"b", b"c", b"d"])
    await write(topic, 1, [b"x" * 200_000, b"y" * 200_000])
    await commit(topic, 0, 3)
    async with Browser(topic.settings()) as browser:
        assert await browser.ends(topic.name) == {0: 4, 1: 2, 2: 0, 3: 0}
        assert await browser.beginnings(topic.name) == dict.fromkeys(range(PARTITIONS), 0)
        assert await browser.committed(topic.group, topic.name) == {0: 3, 1: 0, 2: 0, 3: 0}
        moment = START + timedelta(seconds=90)
        assert await browser.at_time(topic.name, moment) == {0: 2, 1: 2, 2: 0, 3: 0}
        times = await browser.first_times(topic.name, {0: 3, 1: 0, 2: 0})
        assert times == {0: START + timedelta(minutes=3), 1: START}


async def test_what_retention_took_is_not_there(topic: Topic) -> None:
    await write(topic, 2, [b"a", b"b", b"c"])
    await forget(topic, 2, before=2)
    async with Browser(topic.settings()) as browser:
        assert (await browser.beginnings(topic.name))[2] == 2
        assert (await browser.committed(topic.group, topic.name))[2] == 2
        assert await browser.first_times(topic.name, {2: 0}) == {2: START + timedelta(minutes=2)}
        assert await browser.one(topic.name, 2, 1) is None
        assert await browser.one(topic.name, 2, 3) is None
        assert await browser.one(topic.name, PARTITIONS, 0) is None
        record = await browser.one(topic.name, 2, 2)
        assert record is not None
        assert (record.partition, record.offset, record.value) == (2, 2, b"c")
        read = [each.value async for each in browser.read(topic.name, {2: 0}, {2: 3})]
        assert read == [b"c"]


async def test_a_range_is_read_partition_after_partition(topic: Topic) -> None:
    await write(topic, 0, [str(number).encode() for number in range(300)])
    await write(topic, 3, [b"x" * 400_000 for _ in range(8)])
    async with Browser(topic.settings()) as browser:
        starts, ends = {0: 100, 1: 0, 2: 5, 3: 1}, {0: 250, 1: 0, 3: 8}
        read = [
            (each.partition, each.offset) async for each in browser.read(topic.name, starts, ends)
        ]
    assert read == [*((0, n) for n in range(100, 250)), *((3, n) for n in range(1, 8))]


async def test_many_may_ask_at_once(topic: Topic) -> None:
    await write(topic, 1, [str(number).encode() for number in range(20)])
    async with Browser(topic.settings()) as browser:
        found = await asyncio.gather(*(browser.one(topic.name, 1, n) for n in range(20)))
    assert [record.offset for record in found if record] == list(range(20))


async def test_a_missing_topic_says_what_to_do_and_disturbs_nobody(topic: Topic) -> None:
    async with Browser(topic.settings()) as browser:
        missing, ends = await asyncio.gather(
            browser.ends(topic.name + ".none"), browser.ends(topic.name), return_exceptions=True
        )
        assert isinstance(missing, UnknownTopic)
        assert "python -m deploy.provision" in str(missing)
        assert ends == dict.fromkeys(range(PARTITIONS), 0)


async def test_a_broker_that_stands_still_is_unavailable_and_then_found_again(
    topic: Topic, kafka_server: Handle
) -> None:
    async with Browser(topic.settings(kafka_produce_seconds=1.0)) as browser:
        await browser.ends(topic.name)
        await asyncio.to_thread(kafka_server.pause)
        started = monotonic()
        with pytest.raises(Unavailable, match="Kafka: "):
            await browser.ends(topic.name)
        assert monotonic() - started < 8
        await asyncio.to_thread(kafka_server.resume)
        assert await browser.ends(topic.name) == dict.fromkeys(range(PARTITIONS), 0)


async def test_no_broker_is_unavailable() -> None:
    settings = Topic("127.0.0.1:1", "").settings(kafka_produce_seconds=1.0)
    async with Browser(settings) as browser:
        with pytest.raises(Unavailable):
            await browser.ends("feedback.received")
        with pytest.raises(Unavailable):
            async for _ in browser.read("feedback.received", {0: 0}, {0: 1}):
                pass
