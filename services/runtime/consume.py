"""The consume contract: what happens to each record of a batch, and to its offset.

| outcome of a record                              | the record        | its offset              |
|--------------------------------------------------|-------------------|-------------------------|
| handled                                          | -                 | committed               |
| `Malformed`, `Permanent`, or `Transient` with    | dead letter,      | committed               |
| its retries used up                              | confirmed         |                         |
| redriven for another group                       | -                 | committed               |
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
from time import monotonic
from typing import Generic, Literal, TypeVar

import structlog
from aiokafka import ConsumerRecord

from services.runtime.attempts import Attempts, Pending, RetryLimits
from services.runtime.deadletter import Failure, dead_letter
from services.runtime.errors import Malformed, Unavailable
from services.runtime.fuse import Fuse
from services.runtime.kafka import Producer
from services.runtime.metrics import Metrics
from services.runtime.redrive import read_redriven
from services.runtime.tally import Tally

_DECODE_BETWEEN_YIELDS = 200

log = structlog.get_logger(__name__)

Event = TypeVar("Event")
Ending = Literal["handled", "dead", "skipped"]


@dataclass(frozen=True, slots=True)
class Settled(Generic[Event]):
    """How one record of a batch ended. `event` is `None` where the bytes are no event, `error` the
    class of what went wrong; the times are those of its batch.
    """

    record: ConsumerRecord
    event: Event | None
    outcome: Ending
    attempts: int
    started_at: datetime
    finished_at: datetime
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Subscription(Generic[Event]):
    """What a service consumes. `decode` raises `ValueError` for bytes that are not its event;
    `handle` gets the sound events of a batch in order, knows nothing of Kafka and is idempotent.
    `locate`, where given, writes into an event the partition and offset that it came from.
    `observe`, where given, is told of each settled batch; it returns at once and never raises.
    """

    topic: str
    group: str
    decode: Callable[[bytes | None], Event]
    handle: Callable[[Sequence[Event]], Awaitable[None]]
    locate: Callable[[Event, int, int], Event] | None = None
    observe: Callable[[Sequence[Settled[Event]]], None] | None = None


class FuseOpen(Unavailable):
    """Too large a share of records would go to dead letters; a person has to look."""


@dataclass(slots=True)
class _Batch(Generic[Event]):
    """A batch on its way: what is to be handled, what is given up, what is another group's."""

    records: Sequence[ConsumerRecord]
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    pending: list[Pending[Event]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: list[ConsumerRecord] = field(default_factory=list)

    def settled(self) -> list[Settled[Event]]:
        """How each record ended, for an observer."""
        times = (self.started_at, datetime.now(UTC))
        events = {id(each.record): each.event for each in self.pending}
        dead = {id(each.record) for each in self.failures}
        ends = [
            Settled(each.record, each.event, "handled", each.attempts, *times)
            for each in self.pending
            if id(each.record) not in dead
        ]
        for failure in self.failures:
            error, event = type(failure.error).__name__, events.get(id(failure.record))
            ends.append(Settled(failure.record, event, "dead", failure.attempts, *times, error))
        ends += [Settled(each, None, "skipped", 0, *times) for each in self.skipped]
        return ends


class Contract(Generic[Event]):
    """Applies the table above to batches of one subscription."""

    def __init__(
        self,
        subscription: Subscription[Event],
        producer: Producer,
        fuse: Fuse,
        retries: RetryLimits,
        metrics: Metrics,
        tally: Tally | None = None,
        *,
        service: str,
        version: str,
    ) -> None:
        self._subscription = subscription
        self._producer = producer
        self._fuse = fuse
        self._attempts = Attempts(subscription.handle, retries, self._count_retries)
        self._metrics = metrics
        self._tally = tally or Tally(subscription.topic, subscription.group, "")
        self._service = service
        self._version = version

    async def settle(self, records: Sequence[ConsumerRecord]) -> None:
        """Returns when each record is handled or its dead letter is confirmed.

        Raises `Unavailable` when the batch must be read again; nothing of it may be committed then.
        """
        if self._fuse.open:
            raise FuseOpen("the fuse is open")
        started = monotonic()
        batch: _Batch[Event] = _Batch(records)
        await self._decode(batch)
        batch.failures += await self._attempts.run(list(batch.pending))
        await self._bury(records, batch.failures)
        self._measure(batch, monotonic() - started)
        if self._subscription.observe is not None:
            self._tell(self._subscription.observe, batch)

    def _tell(
        self, observe: Callable[[Sequence[Settled[Event]]], None], batch: _Batch[Event]
    ) -> None:
        """Lets the observer know; a fault of its own must not cost the batch its commit."""
        try:
            observe(batch.settled())
        except Exception:
            log.exception("observer failed", action="observe", topic=self._subscription.topic)

    async def _decode(self, batch: _Batch[Event]) -> None:
        decode, locate = self._subscription.decode, self._subscription.locate
        for index, record in enumerate(batch.records, start=1):
            redriven = read_redriven(record)
            if redriven is not None and redriven.group != self._subscription.group:
                batch.skipped.append(record)
                continue
            try:
                event = decode(record.value)
                if locate is not None:
                    event = locate(event, record.partition, record.offset)
                batch.pending.append(Pending(record, event))
            except ValueError as error:
                now = datetime.now(UTC)
                batch.failures.append(Failure(record, Malformed(str(error)), 1, now, now))
            if index % _DECODE_BETWEEN_YIELDS == 0:
                await asyncio.sleep(0)

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

    def _count_retries(self, records: int) -> None:
        self._tally.counts["retried"] += records
        labels = (self._subscription.topic, self._subscription.group)
        self._metrics.retries.labels(*labels).inc(records)

    def _measure(self, batch: _Batch[Event], seconds: float) -> None:
        total, dead, skipped = len(batch.records), len(batch.failures), len(batch.skipped)
        labels = (self._subscription.topic, self._subscription.group)
        outcomes = {"handled": total - dead - skipped, "dead": dead, "skipped": skipped}
        for outcome, count in outcomes.items():
            self._metrics.records.labels(*labels, outcome).inc(count)
        self._tally.counts.update(outcomes)
        self._metrics.batch_records.labels(*labels).observe(total)
        self._metrics.batch_seconds.labels(*labels).observe(seconds)
