"""Publishes the receipts that a request left behind: Kafka was away, or the process died."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from services.intake.publisher import Publisher
from services.intake.settings import IntakeSettings
from services.receipts.receipt_store import ReceiptStore
from services.runtime.background import Background
from services.runtime.errors import ConsumeError, Unavailable, classify
from services.runtime.process import Process

_STALLED_SECONDS = 120.0

log = structlog.get_logger(__name__)


class Relay(Background):
    """Claims old unpublished receipts by lease and publishes them, until its context ends.

    Every intake process has one: the lease keeps them from publishing the same receipts twice.
    """

    def __init__(
        self,
        store: ReceiptStore,
        publisher: Publisher,
        settings: IntakeSettings,
        process: Process,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._most = settings.relay_receipts
        self._pause = settings.relay_seconds
        self._older_than = timedelta(seconds=settings.relay_after_seconds)
        self._lease = timedelta(seconds=settings.relay_lease_seconds)
        self._metrics = process.metrics
        self._clock = clock
        self._progress = process.health.watch("relay", _STALLED_SECONDS)

    async def _run(self) -> None:
        while True:
            try:
                while not self._publisher.away and await self.relay() == self._most:
                    self._progress.mark()
                await self._measure()
            except Exception as error:  # noqa: BLE001 - the loop must come round whatever happens
                log.warning("relay waits", action="relay", reason=str(classify(error)))
            self._progress.mark()
            await asyncio.sleep(self._pause)

    async def relay(self) -> int:
        """Publishes one claim; returns how many. Raises `Unavailable` when Kafka or MongoDB is."""
        receipts = await self._store.claim(self._most, self._older_than, self._lease)
        if not receipts:
            return 0
        try:
            await self._publisher.deliver(receipts)
        except Unavailable:
            with suppress(ConsumeError):
                await self._store.release([each.id for each in receipts])
            raise
        log.info("relayed", action="relay", receipts=len(receipts))
        return len(receipts)

    async def _measure(self) -> None:
        backlog = await self._store.backlog()
        age = (self._clock() - backlog.oldest_at).total_seconds() if backlog.oldest_at else 0.0
        self._metrics.outbox_receipts.set(backlog.receipts)
        self._metrics.outbox_age.set(max(0.0, age))
