"""The Kafka clients of a browser: opened together, asked, closed within a deadline."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import IllegalStateError, KafkaError

from services.runtime.errors import Unavailable, describe
from services.runtime.kafka import BATCH_BYTES

_POLL_MS = 1_000
_STALLED_SECONDS = 30.0
_RETRY_SECONDS = 0.1
_CLOSE_SECONDS = 2.0
_BACKOFF_MS = 10  # what the library waits for the leaders of a topic that it meets first
_KNOWN_SECONDS = 30.0  # how long a topic is taken to have the partitions that it had
_RETENTION = "retention.ms"

# a point is one record, and comes with its batch: enough for those of our producers, so that one
# answer brings every partition's; a larger one comes alone
_POINT_BYTES = BATCH_BYTES + 4_096
_POINT_WAIT_MS = 10


class UnknownTopic(Unavailable):
    """Kafka answers and has no such topic."""


class BrowserClients:
    """`offsets` is never assigned anything; another consumer fetches single records."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._admin = AIOKafkaAdminClient(**options)
        self._points = consumer(
            options,
            max_partition_fetch_bytes=_POINT_BYTES,
            fetch_max_wait_ms=_POINT_WAIT_MS,
            retry_backoff_ms=_BACKOFF_MS,
        )
        self._pointing = asyncio.Lock()
        self._known: dict[str, tuple[float, list[TopicPartition]]] = {}
        self.offsets = consumer(options, retry_backoff_ms=_BACKOFF_MS)

    async def open(self) -> None:
        """Connects all of them, or closes them."""
        try:
            for client in (self._admin, self.offsets, self._points):
                await client.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Closes what is open."""
        await asyncio.gather(close(self.offsets), close(self._points), close(self._admin))

    async def partitions(self, topic: str) -> list[TopicPartition]:
        """The partitions of a topic. Raises `UnknownTopic`."""
        known = self._known.get(topic)
        if known is not None and monotonic() - known[0] < _KNOWN_SECONDS:
            return known[1]
        [found] = await self._admin.describe_topics([topic])
        if found["error_code"]:
            raise UnknownTopic(f"Kafka has no topic {topic}: run python -m deploy.provision")
        parts = sorted(TopicPartition(topic, part["partition"]) for part in found["partitions"])
        self._known[topic] = monotonic(), parts
        return parts

    async def retention(self, topic: str) -> timedelta | None:
        """How long a topic keeps records; None when Kafka does not say, and when it is for ever."""
        asked = ConfigResource(ConfigResourceType.TOPIC, topic, {_RETENTION: None})
        for answer in await self._admin.describe_configs([asked]):
            for _code, _message, _type, _name, entries in answer.resources:
                found = {entry[0]: int(entry[1]) for entry in entries if entry[0] == _RETENTION}
                if found.get(_RETENTION, -1) >= 0:
                    return timedelta(milliseconds=found[_RETENTION])
        return None

    async def committed(
        self, group: str, parts: Sequence[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Offsets as stored, -1 or none where nothing is; waits for a coordinator's election."""
        while True:
            try:
                stored = await self._admin.list_consumer_group_offsets(
                    group, partitions=list(parts)
                )
            except KafkaError as error:
                if not error.retriable:
                    raise
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return {part: each.offset for part, each in stored.items()}

    async def first_records(
        self, wanted: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, ConsumerRecord]:
        """The first record at or after each offset, where there is one."""
        ends = await self.offsets.end_offsets(list(wanted))
        begins = await self.offsets.beginning_offsets(list(wanted))
        starts = {part: max(at, begins[part]) for part, at in wanted.items()}
        starts = {part: at for part, at in starts.items() if at < ends[part]}
        if not starts:
            return {}
        async with self._pointing:
            self._points.assign(list(starts))
            try:
                for part, offset in starts.items():
                    self._points.seek(part, offset)
                return {part: await self._next(part) for part in starts}
            finally:
                self._points.unsubscribe()

    async def _next(self, part: TopicPartition) -> ConsumerRecord:
        fetched: Sequence[ConsumerRecord] = ()
        while not fetched:
            answer = await self._points.getmany(part, timeout_ms=_POLL_MS, max_records=1)
            fetched = answer.get(part, ())
        return fetched[0]


def consumer(options: Mapping[str, Any], **more: Any) -> AIOKafkaConsumer:
    """A consumer without a group, which commits nothing."""
    return AIOKafkaConsumer(
        **options, **more, enable_auto_commit=False, auto_offset_reset="earliest"
    )


async def read_range(
    reading: AIOKafkaConsumer, part: TopicPartition, start: int, end: int
) -> AsyncIterator[ConsumerRecord]:
    """The records of one partition from `start` on and before `end`."""
    if start >= end:
        return
    reading.assign([part])
    reading.seek(part, start)
    position = start
    while position < end:
        with kafka_errors():
            async with asyncio.timeout(_STALLED_SECONDS):
                fetched: Sequence[ConsumerRecord] = ()
                while not fetched and (position := await reading.position(part)) < end:
                    fetched = (await reading.getmany(part, timeout_ms=_POLL_MS)).get(part, ())
        for record in fetched:
            if record.offset >= end:
                return
            yield record


async def close(client: AIOKafkaConsumer | AIOKafkaAdminClient) -> None:
    """Closes within a deadline: a client whose broker stands still can wait for ever."""
    ending = client.close if isinstance(client, AIOKafkaAdminClient) else client.stop
    # a consumer that has just started cancels a task of its own that must have begun by then
    await asyncio.sleep(0)
    with suppress(TimeoutError, KafkaError, OSError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await ending()


@contextmanager
def kafka_errors() -> Iterator[None]:
    """Turns the library's errors into `Unavailable`."""
    try:
        yield
    except (TimeoutError, KafkaError, OSError, IllegalStateError) as error:
        raise Unavailable(f"Kafka: {describe(error)}") from error
