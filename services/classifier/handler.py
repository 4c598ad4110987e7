"""Tags received feedback and publishes it with its tags."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from schemas.codec import encode
from schemas.envelope import FeedbackReceived, FeedbackTagged, follow
from schemas.feedback import Feedback
from schemas.tagging import TaggedFeedback, Tagging
from services.runtime.kafka import Record
from services.runtime.metrics import Metrics

_AT_ONCE = 16  # texts in a thread, which cannot be cancelled: a shutdown waits for these alone


class TaggingHandler:
    """Handles batches of `FeedbackReceived`. Tagging again gives an event with the same id."""

    def __init__(
        self,
        tag: Callable[[Sequence[Feedback]], Sequence[Tagging]],
        publish: Callable[[Sequence[Record]], Awaitable[None]],
        topic: str,
        clock: Callable[[], datetime],
        metrics: Metrics,
        watch: Callable[[Sequence[Feedback], Sequence[Tagging]], None] | None = None,
    ) -> None:
        """`watch` is told what was tagged once it is published; it must return at once."""
        self._tag = tag
        self._publish = publish
        self._topic = topic
        self._clock = clock
        self._metrics = metrics
        self._watch = watch

    async def handle(self, events: Sequence[FeedbackReceived]) -> None:
        """Returns when every tagged event is confirmed; raises what `Producer.publish` raises."""
        # in a thread, so that polling and health go on while a batch is read
        feedbacks = [event.data for event in events]
        taggings: list[Tagging] = []
        for start in range(0, len(feedbacks), _AT_ONCE):
            some = feedbacks[start : start + _AT_ONCE]
            taggings += await asyncio.to_thread(self._tag, some)
        await self._publish([self._record(*each) for each in zip(events, taggings, strict=True)])
        for tagging in taggings:
            self._metrics.taggings.labels(tagging.abstained or "tagged").inc()
        if self._watch is not None:
            self._watch(feedbacks, taggings)

    def _record(self, event: FeedbackReceived, tagging: Tagging) -> Record:
        data = TaggedFeedback(feedback=event.data, tagging=tagging)
        tagged = follow(event, FeedbackTagged, data, self._clock())
        return Record(self._topic, event.subject.encode(), encode(tagged))
