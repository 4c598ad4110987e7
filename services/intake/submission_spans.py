"""The span of each accepted submission: the first of a feedback's own, below the caller's."""

from collections.abc import Callable, Sequence
from datetime import datetime

from opentelemetry.trace import SpanKind

from services.intake.submissions import Draft
from services.tracing.spans import Spans


class SubmissionSpans:
    """Makes spans of what was new."""

    def __init__(self, spans: Spans, clock: Callable[[], datetime]) -> None:
        self._spans = spans
        self._clock = clock

    def tell(self, drafts: Sequence[Draft], caller: str | None) -> None:
        """From being read to being published, or left to the relay."""
        for each in drafts:
            if each.traceparent is not None:
                self._spans.add(
                    "submission",
                    each.traceparent,
                    caller,
                    SpanKind.SERVER,
                    each.received_at,
                    self._clock(),
                    {"frontline.feedback_id": each.id},
                )
