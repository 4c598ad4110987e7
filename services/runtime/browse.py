"""Looks at topics and groups from outside: no consumer group, nothing is ever committed."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IllegalStateError, KafkaError

from services.runtime.errors import Unavailable, describe
from services.runtime.kafka import connection_options
from services.runtime.settings import KafkaSettings

_POLL_MS = 1_000
_STALLED_SECONDS = 30.0
_RETRY_SECONDS = 0.1
_CLOSE_SECONDS = 2.0

# a point is one record: enough for most batches, and a larger one still comes when it is first
_POINT_BYTES = 65_536
_POINT_WAIT_MS = 10


class UnknownTopic(Unavailable):
    """Kafka answers and has no such topic."""


@dataclass(frozen=True, slots=True)
class _Clients:
    """`offsets` is never assigned anything; `points` fetches single records, one call at a time."""

    admin: AIOKafkaAdminClient
    offsets: AIOKafkaConsumer
    points: AIOKafkaConsumer


class Browser:
    """Reads offsets and records of topics by their full names; connects when first needed.

    Every call raises `Unavailable` when the broker is away or does not answer in
    `kafka_produce_seconds` (the next call connects anew), `UnknownTopic` when it has no such topic.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._options = connection_options(settings) | {"client_id": "frontline-browser"}
        self._deadline = settings.kafka_produce_seconds
        self._clients: _Clients | None = None
        self._connecting = asyncio.Lock()
        self._pointing = asyncio.Lock()

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._disconnect()

    async def ends(self, topic: str) -> dict[int, int]:
        """The offset that the next record will get, by partition."""
        async with self._asking() as clients:
            parts = await _partitions(clients.admin, topic)
            return _by_number(await clients.offsets.end_offsets(parts))

    async def beginnings(self, topic: str) -> dict[int, int]:
        """The offset of the oldest record that retention left, by partition."""
        async with self._asking() as clients:
            parts = await _partitions(clients.admin, topic)
            return _by_number(await clients.offsets.beginning_offsets(parts))

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """Where a group goes on, by partition; the beginning where it committed nothing."""
        async with self._asking() as clients:
            parts = await _partitions(clients.admin, topic)
            begins = await clients.offsets.beginning_offsets(parts)
            stored = await _committed(clients.admin, group, parts)
            return _by_number({part: max(begins[part], stored.get(part, 0)) for part in parts})

    async def at_time(self, topic: str, when: datetime) -> dict[int, int]:
        """The first offset at or after a time, by partition; the end where there is none."""
        async with self._asking() as clients:
            parts = await _partitions(clients.admin, topic)
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
            found = await self._points(clients, wanted)
            return {part.partition: _time(record) for part, record in found.items()}

    async def one(self, topic: str, partition: int, offset: int) -> ConsumerRecord | None:
        """A single record; `None` when retention took it or it was never written."""
        async with self._asking() as clients:
            part = TopicPartition(topic, partition)
            if part not in await _partitions(clients.admin, topic):
                return None
            record = (await self._points(clients, {part: offset})).get(part)
            return record if record is not None and record.offset == offset else None

    async def read(
        self, topic: str, starts: Mapping[int, int], ends: Mapping[int, int]
    ) -> AsyncIterator[ConsumerRecord]:
        """Yields the records from `starts` on and before `ends`, partition after partition.

        A partition named in one of the two alone is not read. Where retention took the start, it
        begins with the oldest record left. Memory is bounded whatever the range.
        """
        consumer = self._consumer()
        try:
            with _kafka_errors():
                async with asyncio.timeout(self._deadline):
                    await consumer.start()
            for number in sorted(starts.keys() & ends.keys()):
                part = TopicPartition(topic, number)
                async for record in _read(consumer, part, starts[number], ends[number]):
                    yield record
        finally:
            await _close(consumer)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[_Clients]:
        """The connected clients, within one deadline; forgets them when they fail."""
        try:
            with _kafka_errors():
                async with asyncio.timeout(self._deadline):
                    yield await self._connected()
        except UnknownTopic:
            raise
        except Unavailable:
            await self._disconnect()
            raise

    async def _connected(self) -> _Clients:
        async with self._connecting:
            if self._clients is None:
                clients = _Clients(
                    AIOKafkaAdminClient(**self._options),
                    self._consumer(),
                    self._consumer(
                        max_partition_fetch_bytes=_POINT_BYTES, fetch_max_wait_ms=_POINT_WAIT_MS
                    ),
                )
                try:
                    for client in (clients.admin, clients.offsets, clients.points):
                        await client.start()
                except BaseException:
                    await _close_all(clients)
                    raise
                self._clients = clients
            return self._clients

    async def _disconnect(self) -> None:
        clients, self._clients = self._clients, None
        if clients is not None:
            await _close_all(clients)

    def _consumer(self, **more: Any) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._options, **more, enable_auto_commit=False, auto_offset_reset="earliest"
        )

    async def _points(
        self, clients: _Clients, wanted: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, ConsumerRecord]:
        """The first record at or after each offset, where there is one."""
        ends = await clients.offsets.end_offsets(list(wanted))
        begins = await clients.offsets.beginning_offsets(list(wanted))
        starts = {part: max(at, begins[part]) for part, at in wanted.items()}
        starts = {part: at for part, at in starts.items() if at < ends[part]}
        if not starts:
            return {}
        async with self._pointing:
            return await _first_records(clients.points, starts)


async def _first_records(
    consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int]
) -> dict[TopicPartition, ConsumerRecord]:
    found: dict[TopicPartition, ConsumerRecord] = {}
    consumer.assign(list(starts))
    try:
        for part, offset in starts.items():
            consumer.seek(part, offset)
        while len(found) < len(starts):
            fetched = await consumer.getmany(*(starts.keys() - found), timeout_ms=_POLL_MS)
            found |= {part: records[0] for part, records in fetched.items() if records}
            consumer.pause(*fetched)
    finally:
        consumer.unsubscribe()
    return found


async def _read(
    consumer: AIOKafkaConsumer, part: TopicPartition, start: int, end: int
) -> AsyncIterator[ConsumerRecord]:
    if start >= end:
        return
    consumer.assign([part])
    consumer.seek(part, start)
    position = start
    while position < end:
        with _kafka_errors():
            async with asyncio.timeout(_STALLED_SECONDS):
                fetched: Sequence[ConsumerRecord] = ()
                while not fetched and (position := await consumer.position(part)) < end:
                    fetched = (await consumer.getmany(part, timeout_ms=_POLL_MS)).get(part, ())
        for record in fetched:
            if record.offset >= end:
                return
            yield record


async def _partitions(admin: AIOKafkaAdminClient, topic: str) -> list[TopicPartition]:
    [found] = await admin.describe_topics([topic])
    if found["error_code"]:
        raise UnknownTopic(f"Kafka has no topic {topic}: run python -m deploy.provision")
    return sorted(TopicPartition(topic, part["partition"]) for part in found["partitions"])


async def _committed(
    admin: AIOKafkaAdminClient, group: str, parts: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    """Offsets as stored, -1 or none where nothing is; a coordinator being elected is waited for."""
    while True:
        try:
            stored = await admin.list_consumer_group_offsets(group, partitions=list(parts))
        except KafkaError as error:
            if not error.retriable:
                raise
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return {part: each.offset for part, each in stored.items()}


def _by_number(offsets: Mapping[TopicPartition, int]) -> dict[int, int]:
    return {part.partition: offset for part, offset in sorted(offsets.items())}


def _time(record: ConsumerRecord) -> datetime:
    return datetime.fromtimestamp(record.timestamp / 1000, UTC)


async def _close_all(clients: _Clients) -> None:
    await asyncio.gather(_close(clients.offsets), _close(clients.points), _close(clients.admin))


async def _close(client: AIOKafkaConsumer | AIOKafkaAdminClient) -> None:
    """Closes within a deadline: a client whose broker stands still can wait for ever."""
    close = client.close if isinstance(client, AIOKafkaAdminClient) else client.stop
    # a consumer that has just started cancels a task of its own that must have begun by then
    await asyncio.sleep(0)
    with suppress(TimeoutError, KafkaError, OSError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await close()


@contextmanager
def _kafka_errors() -> Iterator[None]:
    try:
        yield
    except (TimeoutError, KafkaError, OSError, IllegalStateError) as error:
        raise Unavailable(f"Kafka: {describe(error)}") from error
