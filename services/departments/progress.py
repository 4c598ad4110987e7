"""Publishes `feedback.progressed` for what departments acknowledged; the items are the outbox."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from schemas.codec import encode
from schemas.envelope import FeedbackProgressed
from schemas.progress import ProgressedFeedback, Step
from schemas.tracing import child
from services.queues.store import Acknowledgement, ProgressOutbox
from services.runtime.background import Background
from services.runtime.errors import classify
from services.runtime.health import Progress
from services.runtime.kafka import Record

STALLED_SECONDS = 120.0
_AT_ONCE = 500

log = structlog.get_logger(__name__)


class ProgressPublisher(Background):
    """Publishes until its context ends: at once when woken, else at each look at the outbox.

    Marked after the broker confirmed. A crash in between, or two processes at the same rows,
    publish an event twice, with the same id and bytes.
    """

    def __init__(
        self,
        outbox: ProgressOutbox,
        publish: Callable[[Sequence[Record]], Awaitable[None]],
        topic: str,
        poll_seconds: float,
        progress: Progress,
        watch: Callable[[Acknowledgement, FeedbackProgressed], None] | None = None,
    ) -> None:
        """`watch` is told of what is published; it must return at once."""
        self._watch = watch
        self._outbox = outbox
        self._publish = publish
        self._topic = topic
        self._poll_seconds = poll_seconds
        self._progress = progress
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something was acknowledged in this process."""
        self._woken.set()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                while await self.publish_due() == _AT_ONCE:
                    self._progress.mark()
            except Exception as error:  # noqa: BLE001 - the loop must come round whatever happens
                reason = str(classify(error))
                log.warning("progress waits", action="publish_progress", reason=reason)
                await asyncio.sleep(self._poll_seconds)
            self._progress.mark()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._woken.wait()

    async def publish_due(self) -> int:
        """Publishes and marks what is due, up to 500; returns how many. Raises `Unavailable`."""
        due = await self._outbox.unpublished(_AT_ONCE)
        if due:
            events = [progressed(each) for each in due]
            await self._publish(
                [Record(self._topic, each.subject.encode(), encode(each)) for each in events]
            )
            await self._outbox.mark_published(due)
            for done, event in zip(due, events, strict=True):
                if self._watch is not None:
                    self._watch(done, event)
        return len(due)


def progressed(done: Acknowledgement) -> FeedbackProgressed:
    """The event of an acknowledgement: the same whenever it is made."""
    data = ProgressedFeedback(
        feedback_id=done.feedback_id,
        department=done.department,
        step=Step.ACKNOWLEDGED,
        at=done.at,
    )
    return FeedbackProgressed.of(
        data,
        feedback_id=done.feedback_id,
        marking=done.marking,
        time=done.at,
        revision=done.revision,
        step=done.department,
        traceparent=child(
            done.traceparent, done.feedback_id, done.item_id, FeedbackProgressed.SOURCE
        ),
    )
