"""The consume contract: what happens to each record of a batch, and to its offset.

| outcome of a record                              | the record        | its offset              |
|--------------------------------------------------|-------------------|-------------------------|
| handled                                          | -                 | committed               |
| `Malformed`, `Permanent`, or `Transient` with    | dead letter,      | committed               |
| its retries used up                              | confirmed         |                         |
| `Unavailable`, a dead letter not confirmed,      | stays             | rewound, after a        |
| or the fuse open                                 |                   | growing pause           |
| cancelled by shutdown                            | stays             | untouched               |

FastStream commits the position of every assigned partition when the handler returns, so nothing is
in flight by then: every event is handled, every dead letter confirmed. Within a topic a key is
handled in order, except after a dead letter or while a rebalance replays.

A batch whose handling fails is halved until the failing records stand alone: handlers must be
idempotent, and are told of a record again when its neighbour failed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import uniform
from time import monotonic
from typing import Any, Generic, TypeVar

import structlog
from aiokafka import ConsumerRecord

from services.runtime.deadletter import Failure, dead_letter
from services.runtime.errors import (
    ConsumeError,
    Malformed,
    Permanent,
    Transient,
    Unavailable,
    classify,
)
from services.runtime.fuse import Fuse
from services.runtime.kafka import Producer
from services.runtime.metrics import Metrics

_DECODE_BETWEEN_YIELDS = 200

log = structlog.get_logger(__name__)

Event = TypeVar("Event")


@dataclass(frozen=True, slots=True)
class Subscription(Generic[Event]):
    """What a service consumes. `decode` raises `ValueError` for bytes that are not its event;
    `handle` gets the sound events of a batch in order, knows nothing of Kafka and is idempotent.
    `locate`, where given, writes into an event the partition and offset that it came from.
    """

    topic: str
    group: str
    decode: Callable[[bytes | None], Event]
    handle: Callable[[Sequence[Event]], Awaitable[None]]
    locate: Callable[[Event, int, int], Event] | None = None


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """Tries of one record, and seconds that one batch may spend on retries."""

    attempts: int = 4
    budget_seconds: float = 20.0
    first_pause_seconds: float = 0.1


class FuseOpen(Unavailable):
    """Too large a share of records would go to dead letters; a person has to look."""


@dataclass(slots=True)
class _Pending(Generic[Event]):
    """A sound record on its way through the attempts."""

    record: ConsumerRecord
    event: Event
    attempts: int = 0
    first_at: datetime | None = None
    error: ConsumeError | None = field(default=None)


class Contract(Generic[Event]):
    """Applies the table above to batches of one subscription."""

    def __init__(
        self,
        subscription: Subscription[Event],
        producer: Producer,
        fuse: Fuse,
        retries: RetryLimits,
        metrics: Metrics,
        *,
        service: str,
        version: str,
    ) -> None:
        self._subscription = subscription
        self._producer = producer
        self._fuse = fuse
        self._retries = retries
        self._metrics = metrics
        self._service = service
        self._version = version

    async def settle(self, records: Sequence[ConsumerRecord]) -> None:
        """Returns when each record is handled or its dead letter is confirmed.

        Raises `Unavailable` when the batch must be read again; nothing of it may be committed then.
        """
        if self._fuse.open:
            raise FuseOpen("the fuse is open")
        started = monotonic()
        pending, failures = await self._decode(records)
        failures += await self._handle(pending)
        await self._bury(records, failures)
        self._measure(len(records), len(failures), monotonic() - started)

    async def _decode(
        self, records: Sequence[ConsumerRecord]
    ) -> tuple[list[_Pending[Event]], list[Failure]]:
        pending: list[_Pending[Event]] = []
        failures: list[Failure] = []
        decode, locate = self._subscription.decode, self._subscription.locate
        for index, record in enumerate(records, start=1):
            try:
                event = decode(record.value)
                if locate is not None:
                    event = locate(event, record.partition, record.offset)
                pending.append(_Pending(record, event))
            except ValueError as error:
                now = datetime.now(UTC)
                failures.append(Failure(record, Malformed(str(error)), 1, now, now))
            if index % _DECODE_BETWEEN_YIELDS == 0:
                await asyncio.sleep(0)
        return pending, failures

    async def _handle(self, pending: list[_Pending[Event]]) -> list[Failure]:
        """Tries until every record is handled or given up; the failing ones of a round together."""
        failures: list[Failure] = []
        deadline = monotonic() + self._retries.budget_seconds
        pause = self._retries.first_pause_seconds
        while pending:
            left = await self._try(pending, set())
            pending = []
            for item in left:
                if self._is_spent(item, deadline):
                    failures.append(_failure(item))
                else:
                    pending.append(item)
            if any(item.error for item in pending):
                self._count_retries(pending)
                await asyncio.sleep(min(uniform(pause / 2, pause), max(0, deadline - monotonic())))
                pause *= 2
        return failures

    async def _try(
        self, items: list[_Pending[Event]], blocked: set[bytes]
    ) -> list[_Pending[Event]]:
        """Handles items in order; returns, in order, those that failed or wait for an earlier one
        of their key.
        """
        held = {id(item) for item in items if item.record.key in blocked}
        if held:
            free = [item for item in items if id(item) not in held]
            left = held | {id(item) for item in await self._try(free, blocked)} if free else held
            return [item for item in items if id(item) in left]
        try:
            await self._subscription.handle([item.event for item in items])
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is classified
            failure = classify(error)
        else:
            return []
        if isinstance(failure, Unavailable):
            raise failure
        if len(items) > 1:
            middle = len(items) // 2
            first = await self._try(items[:middle], blocked)
            return first + await self._try(items[middle:], blocked)
        return [self._mark(items[0], failure, blocked)]

    def _mark(
        self, item: _Pending[Event], failure: ConsumeError, blocked: set[bytes]
    ) -> _Pending[Event]:
        item.attempts += 1
        item.error = failure
        item.first_at = item.first_at or datetime.now(UTC)
        if isinstance(failure, Transient) and item.record.key is not None:
            blocked.add(item.record.key)
        return item

    def _is_spent(self, item: _Pending[Event], deadline: float) -> bool:
        if item.error is None:
            return False
        return (
            isinstance(item.error, Malformed | Permanent)
            or item.attempts >= self._retries.attempts
            or monotonic() >= deadline
        )

    async def _bury(self, records: Sequence[ConsumerRecord], failures: list[Failure]) -> None:
        """Writes the dead letters of a batch, unless they open the fuse."""
        dead = {id(failure.record) for failure in failures}
        died = [id(record) in dead for record in records]
        if not self._fuse.admit(died):
            raise FuseOpen(f"{len(failures)} of {len(records)} records would go to dead letters")
        if failures:
            await self._publish_dead(failures)
        self._fuse.count(died)

    async def _publish_dead(self, failures: list[Failure]) -> None:
        failures.sort(key=lambda failure: (failure.record.partition, failure.record.offset))
        group = self._subscription.group
        await self._producer.publish(
            [dead_letter(each, group, self._service, self._version) for each in failures]
        )
        for each in failures:
            self._report(each)

    def _report(self, failure: Failure) -> None:
        record = failure.record
        name = type(failure.error).__name__
        self._metrics.dead_letters.labels(record.topic, self._subscription.group, name).inc()
        log.warning(
            "record went to dead letters",
            action="dead_letter",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            group=self._subscription.group,
            error=name,
            reason=str(failure.error),
            attempts=failure.attempts,
        )

    def _count_retries(self, pending: list[_Pending[Event]]) -> None:
        labels = (self._subscription.topic, self._subscription.group)
        self._metrics.retries.labels(*labels).inc(sum(1 for item in pending if item.error))

    def _measure(self, total: int, dead: int, seconds: float) -> None:
        labels = (self._subscription.topic, self._subscription.group)
        self._metrics.records.labels(*labels, "handled").inc(total - dead)
        self._metrics.records.labels(*labels, "dead").inc(dead)
        self._metrics.batch_records.labels(*labels).observe(total)
        self._metrics.batch_seconds.labels(*labels).observe(seconds)


def _failure(item: _Pending[Any]) -> Failure:
    assert item.error is not None
    assert item.first_at is not None
    return Failure(item.record, item.error, item.attempts, item.first_at, datetime.now(UTC))
