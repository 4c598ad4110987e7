"""Lets a candidate model read what the model in use has read, and counts where they disagree."""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import structlog

from schemas.feedback import Feedback
from schemas.tagging import Tagging
from services.classifier.comparing import differences
from services.runtime.metrics import Metrics

log = structlog.get_logger(__name__)

Tag = Callable[[Sequence[Feedback]], Sequence[Tagging]]


class Shadow:
    """Reads after the consumer: no record waits for it, and nothing follows from what it finds.

    It does take processor time from its process, one text at a time. When more than `waiting` texts
    wait, further ones are left out and counted. What waits at a shutdown is dropped.
    """

    def __init__(self, tag: Tag, waiting: int, metrics: Metrics) -> None:
        self._tag = tag
        self._most = waiting
        self._waiting: asyncio.Queue[tuple[Feedback, Tagging]] = asyncio.Queue(waiting)
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def offer(self, feedbacks: Sequence[Feedback], taggings: Sequence[Tagging]) -> None:
        """Takes what was tagged, as far as there is room; returns at once."""
        for pair in zip(feedbacks, taggings, strict=True):
            try:
                self._waiting.put_nowait(pair)
            except asyncio.QueueFull:
                self._metrics.shadow_readings.labels("left_out").inc()

    async def _run(self) -> None:
        while True:
            feedback, tagging = await self._waiting.get()
            try:
                [candidate] = await asyncio.to_thread(self._tag, [feedback])
            except Exception as error:  # noqa: BLE001 - a candidate may fail in any way
                self._metrics.shadow_readings.labels("failed").inc()
                log.warning("candidate failed", action="shadow", error=type(error).__name__)
                continue
            self._metrics.shadow_readings.labels("read").inc()
            for difference in differences(tagging, candidate):
                self._metrics.shadow_disagreements.labels(difference).inc()
