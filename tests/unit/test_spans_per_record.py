"""Spans: each record of a batch has its own, with the very ids that the envelopes carry."""

import json

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest

from schemas.codec import decode
from schemas.envelope import FeedbackReceived, FeedbackTagged, follow
from schemas.tagging import TaggedFeedback
from schemas.tracing import child, read_traceparent
from services.departments.progress import progressed
from services.departments.progress_spans import ProgressSpans
from services.queues.store import Acknowledgement
from services.runtime.consume import Settled
from services.runtime.metrics import Metrics
from services.stages.stage import CLASSIFIER, STAGES
from services.tracing.hop_store import MemoryHopStore
from services.tracing.recorder import Recorder
from services.tracing.spans import Spans, export_spans
from services.tracing.tracing import Tracing
from tests.builders import NOON, feedback_id, received, received_record, tagging
from tests.submitting import OBSERVATION, memory_intake

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def event(number: int, parent: str = CALLER) -> FeedbackReceived:
    made = child(parent, feedback_id(number), "submission", FeedbackReceived.SOURCE)
    return received(number).model_copy(update={"traceparent": made})


def settled(cause: FeedbackReceived, number: int, **changes: object) -> Settled[object]:
    fields = {"outcome": "handled", "attempts": 1} | changes
    return Settled(
        received_record(number),
        cause,
        started_at=NOON,
        finished_at=NOON,
        **fields,  # type: ignore[arg-type]
    )


def ids(span: ReadableSpan) -> tuple[str, str]:
    assert span.context is not None
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


async def spans_of(*batch: Settled[object]) -> list[ReadableSpan]:
    exporter = InMemorySpanExporter()
    spans = Spans(SimpleSpanProcessor(exporter), "classifier", "1.2")
    recorder = Recorder(MemoryHopStore(), Metrics(), "classifier", "1.2")
    async with Tracing(recorder, spans) as tracing:
        tracing.observer_of(CLASSIFIER, "p.classifier")(batch)
    return list(exporter.get_finished_spans())


async def test_each_record_of_a_batch_has_its_span_named_in_the_event_it_led_to() -> None:
    causes = [event(n) for n in range(3)]
    spans = await spans_of(*[settled(cause, n) for n, cause in enumerate(causes)])
    assert len({ids(span) for span in spans}) == 3
    for span, cause in zip(spans, causes, strict=True):
        data = TaggedFeedback(feedback=cause.data, tagging=tagging("housing"))
        tagged = read_traceparent(follow(cause, FeedbackTagged, data, NOON).traceparent)
        above = read_traceparent(cause.traceparent)
        assert tagged is not None
        assert above is not None
        assert ids(span) == (tagged.trace_id, tagged.span_id)
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == above.span_id


async def test_a_span_says_where_and_how_and_nothing_of_a_person() -> None:
    cause = event(1)
    [span] = await spans_of(settled(cause, 1, outcome="dead", attempts=4, error="Transient"))
    assert span.status.status_code.name == "ERROR"
    assert span.attributes is not None
    assert span.attributes["frontline.attempts"] == 4
    assert span.attributes["messaging.consumer.group.name"] == "p.classifier"
    assert dict(span.resource.attributes) == {
        "service.name": "classifier",
        "service.version": "1.2",
    }
    written = json.dumps(json.loads(span.to_json()))
    for words in (cause.data.text, cause.data.reference, cause.data.organisation.name):
        assert words not in written


async def test_a_caller_that_keeps_no_spans_gets_none() -> None:
    assert await spans_of(settled(event(1, CALLER[:-1] + "0"), 1)) == []


async def test_what_is_skipped_no_event_or_without_trace_has_no_span() -> None:
    skipped = settled(event(1), 1, outcome="skipped")
    no_event: Settled[object] = Settled(
        received_record(2), None, "dead", 1, NOON, NOON, "Malformed"
    )
    assert await spans_of(skipped, no_event, settled(received(3), 3)) == []


async def test_stages_that_read_one_event_have_spans_of_their_own() -> None:
    exporter = InMemorySpanExporter()
    spans = Spans(SimpleSpanProcessor(exporter), "s", "1")
    async with Tracing(Recorder(MemoryHopStore(), Metrics(), "s", "1"), spans) as tracing:
        for stage in STAGES:
            tracing.observer_of(stage, stage.group)([settled(event(1), 1)])
    finished = exporter.get_finished_spans()
    assert len({ids(span) for span in finished}) == len(STAGES)
    assert {ids(span)[0] for span in finished} == {CALLER[3:35]}


async def test_intake_begins_in_the_trace_of_its_caller() -> None:
    async with memory_intake() as intake:
        answer = await intake.client.post(
            "/v1/feedback", json=OBSERVATION, headers={"traceparent": CALLER}
        )
        assert answer.status_code == 202
        await intake.client.post("/v1/feedback", json=OBSERVATION)
        [called, alone] = [decode(each.value, FeedbackReceived) for each in intake.published]
    span = read_traceparent(called.traceparent)
    assert span is not None
    assert (span.trace_id, span.span_id != CALLER[36:52]) == (CALLER[3:35], True)
    assert read_traceparent(alone.traceparent) is not None


def test_an_acknowledgement_s_span_is_below_that_of_its_item() -> None:
    exporter = InMemorySpanExporter()
    mine = feedback_id(1)
    done = Acknowledgement(
        f"{mine}:DWP", mine, "DWP", 1, received(1).dataclassification, NOON, CALLER
    )
    made = progressed(done)
    ProgressSpans(Spans(SimpleSpanProcessor(exporter), "departments", "1")).tell(done, made)
    [span] = exporter.get_finished_spans()
    below = read_traceparent(made.traceparent)
    assert below is not None
    assert ids(span) == (below.trace_id, below.span_id)
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == CALLER[36:52]


@pytest.mark.parametrize(("broken", "result"), [(False, "exported"), (True, "failed")])
async def test_what_the_collector_took_is_counted(broken: bool, result: str) -> None:
    class Exporter(InMemorySpanExporter):
        def export(self, spans):  # type: ignore[no-untyped-def]
            if broken:
                raise ConnectionError
            return super().export(spans)

    metrics = Metrics()
    async with export_spans(Exporter(), metrics, "s", "1") as spans:
        spans.observe("classifier", FeedbackTagged.SOURCE, "g", [settled(event(1), 1)])
    line = f'frontline_spans_total{{result="{result}"}} 1.0'
    assert line in generate_latest(metrics.registry).decode()
