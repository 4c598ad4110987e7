"""The fixtures' servers are real, can be stopped and held, and come back with their data."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from tests.infra import Handle


async def test_kafka_keeps_records_over_a_stop_and_a_kill(
    kafka_servers: str, kafka_server: Handle, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}kept"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    await _produce(kafka_servers, topic, b"before the stop")
    await asyncio.to_thread(kafka_server.stop)
    await asyncio.to_thread(kafka_server.start)
    await _produce(kafka_servers, topic, b"before the kill")
    kafka_server.kill()
    await asyncio.to_thread(kafka_server.stop)
    await asyncio.to_thread(kafka_server.start)
    assert await _consume(kafka_servers, topic, 2) == [b"before the stop", b"before the kill"]


async def test_a_topic_nobody_provisioned_is_not_made(
    kafka_servers: str, topic_prefix: str
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_servers)
    await admin.start()
    await admin.describe_topics([f"{topic_prefix}stray"])
    assert f"{topic_prefix}stray" not in await admin.list_topics()
    await admin.close()


async def _produce(servers: str, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer:
        await producer.send_and_wait(topic, value)


async def _consume(servers: str, topic: str, count: int) -> list[bytes | None]:
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=servers, auto_offset_reset="earliest"
    ) as consumer:
        async with asyncio.timeout(20):
            return [(await consumer.getone()).value for _ in range(count)]


def test_mongodb_keeps_documents_over_a_stop_and_a_kill(
    mongo_url: str, mongo_server: Handle, mongo_database: str
) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(mongo_url)
    with client:
        durable = WriteConcern(w="majority", j=True)
        kept = client[mongo_database].get_collection("kept", write_concern=durable)
        kept.insert_one({"_id": "before the stop"})
        mongo_server.stop()
        mongo_server.start()
        kept.insert_one({"_id": "before the kill"})
        mongo_server.kill()
        mongo_server.stop()
        mongo_server.start()
        assert {one["_id"] for one in kept.find()} == {"before the stop", "before the kill"}


def test_a_held_mongodb_answers_nothing_until_it_goes_on(
    mongo_url: str, mongo_server: Handle, mongo_database: str
) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(mongo_url, timeoutMS=800)
    with client:
        client.admin.command("ping")
        mongo_server.pause()
        try:
            with pytest.raises(PyMongoError):
                client.admin.command("ping")
        finally:
            mongo_server.resume()
        client.admin.command("ping")
