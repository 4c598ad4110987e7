"""OpenTelemetry spans, one for each record: their ids are those that the envelopes carry."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from schemas.tracing import SpanRef, child, read_traceparent
from services.runtime.consume import Settled
from services.runtime.metrics import Metrics
from services.tracing.hop import event_id_of

_LAST_SECONDS = 2.0
_SCOPE = InstrumentationScope("frontline")

Attributes = Mapping[str, str | int]


class Spans:
    """Makes spans of what happened and hands them to a processor; an async context manager.

    Nothing of a person's is in a span: ids, places in topics, times and outcomes.
    """

    def __init__(self, processor: SpanProcessor, service: str, version: str) -> None:
        self._processor = processor
        self._resource = Resource({"service.name": service, "service.version": version})

    async def __aenter__(self) -> "Spans":
        return self

    async def __aexit__(self, *_: object) -> None:
        ending = asyncio.to_thread(self._processor.shutdown)  # sends what is left
        await asyncio.wait({asyncio.ensure_future(ending)}, timeout=_LAST_SECONDS)

    def observe(self, stage: str, source: str, group: str, settled: Sequence[Settled[Any]]) -> None:
        """A span for each record of a batch that a stage settled; `source` is where the events come
        from that the stage makes.
        """
        for each in settled:
            parent = getattr(each.event, "traceparent", None)
            event_id = event_id_of(each.event)
            if each.outcome == "skipped" or parent is None or event_id is None:
                continue
            record = each.record
            feedback_id = (record.key or b"").decode("ascii", "replace")
            self.add(
                f"{stage} {record.topic}",
                child(parent, feedback_id, event_id, source),
                parent,
                SpanKind.CONSUMER,
                each.started_at,
                each.finished_at,
                {
                    "messaging.system": "kafka",
                    "messaging.destination.name": record.topic,
                    "messaging.destination.partition.id": str(record.partition),
                    "messaging.kafka.offset": record.offset,
                    "messaging.consumer.group.name": group,
                    "frontline.feedback_id": feedback_id,
                    "frontline.event_id": event_id,
                    "frontline.outcome": each.outcome,
                    "frontline.attempts": each.attempts,
                },
                each.error,
            )

    def add(
        self,
        name: str,
        traceparent: str,
        parent: str | None,
        kind: SpanKind,
        started_at: datetime,
        finished_at: datetime,
        attributes: Attributes,
        error: str | None = None,
    ) -> None:
        """Hands over one span, of the id that `traceparent` has; returns at once."""
        span, above = read_traceparent(traceparent), read_traceparent(parent)
        if span is None or not span.sampled:
            return
        status = Status(StatusCode.ERROR, error) if error else Status()
        self._processor.on_end(
            ReadableSpan(
                name,
                context=_context(span),
                parent=_context(above) if above else None,
                resource=self._resource,
                attributes=attributes,
                kind=kind,
                status=status,
                start_time=_nanoseconds(started_at),
                end_time=_nanoseconds(finished_at),
                instrumentation_scope=_SCOPE,
            )
        )


class CountingExporter(SpanExporter):
    """Counts what another exporter did."""

    def __init__(self, exporter: SpanExporter, metrics: Metrics) -> None:
        self._exporter = exporter
        self._metrics = metrics

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Passes spans on; a failure is counted, and costs these spans alone."""
        try:
            result = self._exporter.export(spans)
        except Exception:  # noqa: BLE001 - whatever it is, the spans are not there
            result = SpanExportResult.FAILURE
        taken = result is SpanExportResult.SUCCESS
        self._metrics.spans.labels("exported" if taken else "failed").inc(len(spans))
        return result

    def shutdown(self) -> None:
        """Ends the other one."""
        self._exporter.shutdown()


def export_spans(exporter: SpanExporter, metrics: Metrics, service: str, version: str) -> Spans:
    """Spans that a thread exports in batches; what it cannot keep up with is left out."""
    processor = BatchSpanProcessor(CountingExporter(exporter, metrics), schedule_delay_millis=1_000)
    return Spans(processor, service, version)


def _context(span: SpanRef) -> SpanContext:
    flags = TraceFlags(int(span.flags, 16))
    return SpanContext(int(span.trace_id, 16), int(span.span_id, 16), True, flags)


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1_000
