"""Writes hops in the background: consuming never waits for it."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog

from services.runtime.background import Background
from services.runtime.consume import Settled
from services.runtime.errors import ConsumeError, Unavailable, describe
from services.runtime.metrics import Metrics
from services.tracing.hop import Hop, hop_of
from services.tracing.hop_store import HopStore

_AT_ONCE = 500
_GATHER_SECONDS = 0.2
_AWAY_SECONDS = 1.0
_LAST_SECONDS = 1.0
_MOST_WAITING = 20_000

log = structlog.get_logger(__name__)


class Recorder(Background):
    """Takes settled batches and keeps their hops until they are written; an async context manager.

    While the database is away up to `most_waiting` hops wait; older ones are dropped and counted.
    """

    def __init__(
        self,
        store: HopStore,
        metrics: Metrics,
        service: str,
        version: str,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._service = service
        self._version = version
        self._waiting: deque[Hop] = deque(maxlen=most_waiting)
        self._something = asyncio.Event()
        self._away = False

    async def __aexit__(self, *_: object) -> None:
        await self._end()
        with suppress(TimeoutError, ConsumeError):
            async with asyncio.timeout(_LAST_SECONDS):
                while self._waiting:
                    await self._write()
        self._drop(len(self._waiting))

    def observe(self, group: str, settled: Sequence[Settled[Any]]) -> None:
        """Takes a batch of this consumer group; returns at once."""
        waiting, service, version = self._waiting, self._service, self._version
        hops = [hop for each in settled if (hop := hop_of(each, group, service, version))]
        self._drop(max(0, len(waiting) + len(hops) - (waiting.maxlen or 0)))
        waiting.extend(hops)
        self._something.set()

    async def _run(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            await asyncio.sleep(_GATHER_SECONDS)  # a few batches share a write
            while self._waiting:
                try:
                    await self._write()
                except Unavailable as error:
                    self._say_away(str(error))
                    await asyncio.sleep(_AWAY_SECONDS)
                except Exception as error:  # noqa: BLE001 - the loop must come round whatever happens
                    log.warning("hops dropped", action="record_hops", reason=describe(error))

    async def _write(self) -> None:
        """Writes the oldest ones; those that cannot be written now wait on, as far as they may."""
        waiting = self._waiting
        hops = [waiting.popleft() for _ in range(min(_AT_ONCE, len(waiting)))]
        try:
            await self._store.add(hops)
        except (Unavailable, asyncio.CancelledError):
            room = (waiting.maxlen or 0) - len(waiting)
            kept = hops[-room:] if room else []
            waiting.extendleft(reversed(kept))
            self._drop(len(hops) - len(kept))
            raise
        except Exception:
            self._drop(len(hops))
            raise
        self._away = False
        self._metrics.hops.labels("kept").inc(len(hops))

    def _say_away(self, reason: str) -> None:
        if not self._away:
            log.warning("hops wait", action="record_hops", reason=reason)
        self._away = True

    def _drop(self, hops: int) -> None:
        if hops:
            self._metrics.hops.labels("dropped").inc(hops)
