"""Looks at topics and groups from outside: no consumer group, nothing is ever committed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from aiokafka import ConsumerRecord, TopicPartition

from services.runtime.browser_clients import (
    BrowserClients,
    UnknownTopic,
    close,
    consumer,
    kafka_errors,
    read_range,
)
from services.runtime.errors import Unavailable
from services.runtime.kafka import connection_options
from services.runtime.settings import KafkaSettings
from services.runtime.times import from_milliseconds

__all__ = ["Browser", "UnknownTopic"]


class Browser:
    """Reads offsets and records of topics by their full names; connects when first needed.

    Every call raises `Unavailable` when the broker is away or does not answer in
    `kafka_produce_seconds` (the next call connects anew), `UnknownTopic` when it has no such topic.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._options = connection_options(settings) | {"client_id": "frontline-browser"}
        self._deadline = settings.kafka_produce_seconds
        self._clients: BrowserClients | None = None
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._disconnect()

    async def ends(self, topic: str) -> dict[int, int]:
        """The offset that the next record will get, by partition."""
        async with self._asking() as clients:
            parts = await clients.partitions(topic)
            return _by_number(await clients.offsets.end_offsets(parts))

    async def beginnings(self, topic: str) -> dict[int, int]:
        """The offset of the oldest record that retention left, by partition."""
        async with self._asking() as clients:
            parts = await clients.partitions(topic)
            return _by_number(await clients.offsets.beginning_offsets(parts))

    async def retention(self, topic: str) -> timedelta | None:
        """How long a topic keeps records; None when Kafka does not say, and when it is for ever."""
        async with self._asking() as clients:
            return await clients.retention(topic)

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """Where a group goes on, by partition; the beginning where it committed nothing."""
        async with self._asking() as clients:
            parts = await clients.partitions(topic)
            begins = await clients.offsets.beginning_offsets(parts)
            stored = await clients.committed(group, parts)
            return _by_number({part: max(begins[part], stored.get(part, 0)) for part in parts})

    async def at_time(self, topic: str, when: datetime) -> dict[int, int]:
        """The first offset at or after a time, by partition; the end where there is none."""
        async with self._asking() as clients:
            parts = await clients.partitions(topic)
            ends = await clients.offsets.end_offsets(parts)  # first: what comes meanwhile is later
            moment = int(when.timestamp() * 1000)
            found = await clients.offsets.offsets_for_times(dict.fromkeys(parts, moment))
            return _by_number(
                {part: at.offset if (at := found[part]) else ends[part] for part in parts}
            )

    async def first_times(self, topic: str, offsets: Mapping[int, int]) -> dict[int, datetime]:
        """When the record at or after each offset was written; none where there is no such record.

        The time is the record's own timestamp: its producer's clock.
        """
        async with self._asking() as clients:
            wanted = {TopicPartition(topic, each): at for each, at in offsets.items()}
            found = await clients.first_records(wanted)
            return {
                part.partition: from_milliseconds(record.timestamp)
                for part, record in found.items()
            }

    async def one(self, topic: str, partition: int, offset: int) -> ConsumerRecord | None:
        """A single record; `None` when retention took it or it was never written."""
        async with self._asking() as clients:
            part = TopicPartition(topic, partition)
            known = part in await clients.partitions(topic)
            record = (await clients.first_records({part: offset} if known else {})).get(part)
            return record if record is not None and record.offset == offset else None

    async def read(
        self, topic: str, starts: Mapping[int, int], ends: Mapping[int, int]
    ) -> AsyncGenerator[ConsumerRecord, None]:
        """Yields the records from `starts` on and before `ends`, partition after partition.

        A partition named in one of the two alone is not read. Where retention took the start, it
        begins with the oldest record left. Memory is bounded whatever the range.
        """
        reading = consumer(self._options)
        try:
            with kafka_errors():
                async with asyncio.timeout(self._deadline):
                    await reading.start()
            for number in sorted(starts.keys() & ends.keys()):
                part = TopicPartition(topic, number)
                async for record in read_range(reading, part, starts[number], ends[number]):
                    yield record
        finally:
            await close(reading)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[BrowserClients]:
        """The connected clients, within one deadline; forgets them when they fail."""
        try:
            with kafka_errors():
                async with asyncio.timeout(self._deadline):
                    yield await self._connected()
        except UnknownTopic:
            raise
        except Unavailable:
            await self._disconnect()
            raise

    async def _connected(self) -> BrowserClients:
        async with self._connecting:
            if self._clients is None:
                clients = BrowserClients(self._options)
                await clients.open()
                self._clients = clients
            return self._clients

    async def _disconnect(self) -> None:
        clients, self._clients = self._clients, None
        if clients is not None:
            await clients.close()


def _by_number(offsets: Mapping[TopicPartition, int]) -> dict[int, int]:
    return {part.partition: offset for part, offset in sorted(offsets.items())}
