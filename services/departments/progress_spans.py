"""The span of each acknowledgement: from the department's call to its event being published."""

from datetime import UTC, datetime

from opentelemetry.trace import SpanKind

from schemas.envelope import FeedbackProgressed
from services.queues.store import Acknowledgement
from services.tracing.spans import Spans


class ProgressSpans:
    """Makes spans of what was published."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def tell(self, done: Acknowledgement, event: FeedbackProgressed) -> None:
        """Below the span in which the item was put on its queue."""
        if event.traceparent is not None:
            self._spans.add(
                "acknowledgement",
                event.traceparent,
                done.traceparent,
                SpanKind.PRODUCER,
                done.at,
                datetime.now(UTC),
                {
                    "frontline.feedback_id": done.feedback_id,
                    "frontline.department": done.department,
                    "frontline.event_id": event.id,
                },
            )
