"""One subscription on a real broker: what tests of the delivery guarantees do with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import NewTopic

from deploy.provision import connect_admin
from schemas.codec import decode, encode
from schemas.topics import RECEIVED
from schemas.topics import Topic as Contract
from services.runtime.consume import Settled, Subscription
from services.runtime.controls import Controls
from services.runtime.kafka import Producer
from services.runtime.process import Process
from services.runtime.settings import KafkaSettings
from services.runtime.subscriber import Subscriber
from tests.builders import feedback_id, received
from tests.waiting import until

GROUP = "readers"
PARTITIONS = 4

Handle = Callable[[Sequence[Any]], Awaitable[None]]


class Topic:
    """A topic with its dead-letter twin, and tools to write to it and look at it."""

    def __init__(self, servers: str, prefix: str, contract: Contract = RECEIVED) -> None:
        self.servers = servers
        self.name = f"{prefix}{contract.name}"
        self.contract = contract
        self.group = f"{prefix}{GROUP}"

    def settings(self, **changes: Any) -> KafkaSettings:
        fields: dict[str, Any] = {
            "kafka_servers": self.servers,
            "max_records": 100,
            "retry_budget_seconds": 2.0,
        }
        return KafkaSettings(**(fields | changes))

    async def create(self) -> None:
        admin = await connect_admin({"bootstrap_servers": self.servers})
        try:
            await admin.create_topics(
                [NewTopic(self.name, PARTITIONS, 1), NewTopic(f"{self.name}.dead", PARTITIONS, 1)]
            )
        finally:
            await admin.close()

    async def write(self, records: Sequence[tuple[bytes | None, bytes | None, Any]]) -> None:
        """Writes (key, value, headers)."""
        producer = AIOKafkaProducer(bootstrap_servers=self.servers, acks="all")
        await producer.start()
        try:
            sent = [
                await producer.send(self.name, key=key, value=value, headers=list(headers))
                for key, value, headers in records
            ]
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    async def write_feedback(self, numbers: Sequence[int]) -> None:
        """Writes the n-th feedback for each number, keyed by its id."""
        await self.write([(feedback_id(n).encode(), encode(received(n)), ()) for n in numbers])

    async def committed(self, group: str | None = None) -> int:
        """Sum of the group's committed offsets."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.servers, group_id=group or self.group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(self.name, n) for n in range(PARTITIONS)]
            return sum([await consumer.committed(each) or 0 for each in partitions])
        finally:
            await consumer.stop()

    async def dead_letters(self, count: int, seconds: float = 20.0) -> list[ConsumerRecord]:
        """Waits for `count` dead letters; more than that are an error of the test."""
        return await self.records(count, seconds, twin=".dead")

    async def records(
        self, count: int, seconds: float = 20.0, twin: str = ""
    ) -> list[ConsumerRecord]:
        """Reads the topic until `count` records are there, and a moment longer for more."""
        consumer = AIOKafkaConsumer(
            f"{self.name}{twin}", bootstrap_servers=self.servers, auto_offset_reset="earliest"
        )
        await consumer.start()
        found: list[ConsumerRecord] = []

        async def read() -> bool:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.extend(records)
            return len(found) >= count

        try:
            await until(read, f"{count} records", seconds)
            await read()
            return found
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def subscribed(
        self,
        handle: Handle,
        *,
        controls: Controls | None = None,
        observe: Callable[[Sequence[Settled[Any]]], None] | None = None,
        **changes: Any,
    ) -> AsyncIterator[Process]:
        """Runs a subscriber of this topic as a service would."""
        settings = self.settings(**changes)
        process = Process("reader", "test")
        async with Producer(settings, "reader", process.metrics) as producer:
            subscription = Subscription(
                self.name,
                self.group,
                partial(decode, model=self.contract.event),
                handle,
                observe=observe,
            )
            async with Subscriber(subscription, settings, producer, process, 3.0, controls):
                yield process
