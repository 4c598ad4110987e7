"""One trace from the HTTP request to the queue item: a span for each stage, the same repeated."""

from pathlib import Path

import pytest

from schemas.codec import decode
from schemas.envelope import FeedbackRouted, FeedbackTagged, follow
from schemas.feedback import Marking
from schemas.routing import ChosenDepartment, Role
from schemas.tagging import TaggedFeedback
from schemas.tracing import child, read_traceparent
from services.departments.progress import progressed
from services.departments.stream_log import read_entry
from services.queues.documents import item_document, read_acknowledgement
from services.queues.store import Acknowledgement
from services.router.handler import decide, items_of
from tests.builders import NOON, feedback_id, received, tagging

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ME = feedback_id(1)
EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"


def choose(*_: object) -> tuple[ChosenDepartment, ...]:
    return (ChosenDepartment(department="DWP", role=Role.LEAD, rule="r", because="b"),)


def test_a_child_stays_in_the_trace_of_its_parent_in_a_span_of_its_own() -> None:
    made = child(CALLER, ME, "cause", "/frontline/intake")
    span, caller = read_traceparent(made), read_traceparent(CALLER)
    assert span is not None
    assert caller is not None
    assert span.trace_id == caller.trace_id
    assert span.span_id != caller.span_id
    assert span.flags == caller.flags
    assert str(span) == made


def test_a_repeat_has_the_same_span_and_another_cause_or_stage_another() -> None:
    made = child(CALLER, ME, "cause", "/a")
    assert made == child(CALLER, ME, "cause", "/a")
    others = {child(CALLER, ME, "cause", "/b"), child(CALLER, ME, "other", "/a")}
    assert made not in others
    assert len(others) == 2


@pytest.mark.parametrize("parent", [None, "", "nonsense", CALLER[:-1], "00-" + "0" * 32])
def test_without_a_sound_parent_the_trace_is_that_of_the_feedback(parent: str | None) -> None:
    first, second = (read_traceparent(child(parent, ME, name, "/a")) for name in ("x", "y"))
    assert first is not None
    assert second is not None
    assert first.trace_id == second.trace_id
    assert first.sampled


def test_a_caller_that_keeps_no_spans_is_followed_in_that() -> None:
    span = read_traceparent(child(CALLER[:-1] + "0", ME, "cause", "/a"))
    assert span is not None
    assert not span.sampled


def test_one_trace_goes_from_the_submission_to_the_item_and_to_progress() -> None:
    first = received(1).model_copy(update={"traceparent": CALLER})
    data = TaggedFeedback(feedback=first.data, tagging=tagging("housing"))
    tag = follow(first, FeedbackTagged, data, NOON)
    decision = decide(tag, choose, "1", NOON)
    routed_parent = child(tag.traceparent, ME, tag.id, FeedbackRouted.SOURCE)
    [item] = items_of(decision, routed_parent)
    document = item_document(item, first.data, NOON) | {"settlement": {"at": NOON}}
    done = read_acknowledgement(document)
    progress = progressed(done)
    spans = [
        read_traceparent(each)
        for each in (CALLER, tag.traceparent, item.traceparent, progress.traceparent)
    ]
    assert len({each.trace_id for each in spans if each}) == 1
    assert len({each.span_id for each in spans if each}) == 4


def test_an_item_from_before_traces_still_makes_an_event() -> None:
    done = Acknowledgement(f"{ME}:DWP", ME, "DWP", 1, Marking.OPEN, NOON)
    event = progressed(done)
    assert read_traceparent(event.traceparent) is not None
    assert event == progressed(done)


def test_an_entry_of_a_stream_knows_the_trace_of_its_event() -> None:
    example = EXAMPLES / "feedback.routed.v1.full.json"
    event = decode(example.read_bytes(), FeedbackRouted)
    assert event.traceparent is not None
    assert read_entry(example.read_bytes()).traceparent == event.traceparent


@pytest.mark.parametrize(
    ("header", "valid"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", False),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", False),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", False),
        ("", False),
        (None, False),
    ],
)
def test_only_sound_trace_context_is_carried(header: str | None, valid: bool) -> None:
    span = read_traceparent(header)
    assert (str(span) if span else None) == (header if valid else None)
