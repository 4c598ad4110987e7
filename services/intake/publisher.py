"""Publishes receipts to Kafka, and knows when Kafka is away: then the receipt is the outbox."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from services.intake.grouping import Grouping
from services.receipts.receipt import Receipt
from services.receipts.receipt_store import ReceiptStore
from services.runtime.errors import ConsumeError, Permanent, Unavailable, describe
from services.runtime.kafka import Record
from services.runtime.metrics import Metrics

_MOST_AT_ONCE = 500
_MARK_SECONDS = 0.5
_MARKS_AT_ONCE = 1_000
_MOST_MARKS = 100_000
_FIRST_PROBE_SECONDS = 0.5
_LONGEST_PROBE_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Publisher:
    """Publishes for requests within their deadline, and for the relay; an async context manager.

    A failure opens the breaker: requests answer from their receipts at once, while a probe in the
    background publishes one receipt again and again until Kafka confirms it. Marks are written
    together, later; one that is lost leads to the same bytes being published again.
    """

    def __init__(
        self,
        publish: Callable[[Sequence[Record]], Awaitable[None]],
        store: ReceiptStore,
        topic: str,
        metrics: Metrics,
    ) -> None:
        self._publish = publish
        self._store = store
        self._topic = topic
        self._metrics = metrics
        self._calls = Grouping(self._deliver_or_leave, _MOST_AT_ONCE)
        self._published: list[str] = []
        self._marking: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Publisher":
        self._marking = asyncio.create_task(self._keep_marking())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._calls.drain()
        for task in (self._probing, self._marking):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await self._mark()

    @property
    def away(self) -> bool:
        """Whether the breaker is open."""
        return self._probing is not None

    async def publish(self, receipts: Sequence[Receipt]) -> None:
        """Returns when Kafka has confirmed the events, or when the relay has to publish them."""
        if not self.away:
            await self._calls.do(receipts)

    async def deliver(self, receipts: Sequence[Receipt]) -> None:
        """Returns when Kafka has confirmed the events; raises `Unavailable` when it did not.

        A receipt that Kafka will never take is left in the outbox, for a person to see.
        """
        try:
            await self._publish([self._record(each) for each in receipts])
        except Unavailable as error:
            self._open(receipts[0], error)
            raise
        except Permanent as error:
            await self._deliver_one_by_one(receipts, error)
        else:
            self._published += [each.id for each in receipts]

    async def _deliver_one_by_one(self, receipts: Sequence[Receipt], error: Permanent) -> None:
        if len(receipts) > 1:
            for each in receipts:
                await self.deliver([each])
            return
        log.error(
            "receipt cannot be published",
            action="publish",
            feedback_id=receipts[0].id,
            reason=str(error),
        )

    async def _deliver_or_leave(self, receipts: Sequence[Receipt]) -> list[None]:
        if not self.away:
            with suppress(Unavailable):
                await self.deliver(receipts)
        return [None] * len(receipts)

    def _record(self, receipt: Receipt) -> Record:
        return Record(self._topic, receipt.id.encode(), receipt.event)

    def _open(self, receipt: Receipt, error: Unavailable) -> None:
        if self._probing is None:
            log.warning("Kafka is away", action="publish", reason=str(error))
            self._metrics.breaker_open.set(1)
            self._probing = asyncio.create_task(self._probe(self._record(receipt)))

    async def _probe(self, record: Record) -> None:
        """Closes the breaker when Kafka is back."""
        pause = _FIRST_PROBE_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PROBE_SECONDS)
            try:
                await self._publish([record])
            except Permanent:
                pass  # Kafka answers: that is all the probe asks
            except Exception as error:  # noqa: BLE001 - the breaker must close whatever happens
                if not isinstance(error, Unavailable):
                    log.warning("probe failed", action="probe", reason=describe(error))
                continue
            break
        self._probing = None
        self._metrics.breaker_open.set(0)
        log.info("Kafka is back", action="publish")

    async def _keep_marking(self) -> None:
        while True:
            await asyncio.sleep(_MARK_SECONDS)
            await self._mark()

    async def _mark(self) -> None:
        ids, self._published = self._published, []
        try:
            while ids:
                await self._store.mark_published(ids[:_MARKS_AT_ONCE])
                del ids[:_MARKS_AT_ONCE]
        except ConsumeError as error:
            log.warning("marks wait", action="mark_published", marks=len(ids), reason=str(error))
            self._published = (ids + self._published)[:_MOST_MARKS]
