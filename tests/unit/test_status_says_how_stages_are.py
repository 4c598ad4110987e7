"""What processes report and Kafka holds becomes the state of each stage, and of each process."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.console.pipeline import (
    SILENT_AFTER,
    Condition,
    Flow,
    StageStatus,
    process_status,
    stage_status,
)
from services.runtime.controls import Control, Mark
from services.stages.report import Consumed, Report, State
from services.stages.stage import CLASSIFIER, ROUTER, TRACKING_PROGRESSED, TRACKING_ROUTED
from tests.builders import NOON

SECOND = timedelta(seconds=1)


def report(instance: str = "a:1", **changes: object) -> Report:
    made = Report(
        service="classifier",
        instance=instance,
        version="1.0",
        state=State.RUNNING,
        at=NOON - SECOND,
        started_at=NOON - timedelta(hours=1),
        ready=True,
        consumed=(
            Consumed("p.feedback.received", "p.classifier", {"handled": 9, "dead": 2}, 5.0, 0.5),
        ),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def stage(
    *reports: Report, control: Control | None = None, flow: Flow | None = None
) -> StageStatus:
    return stage_status(CLASSIFIER, "p.", reports, control, flow, NOON)


def test_processes_of_a_stage_are_added_up() -> None:
    found = stage(report(), report("b:1", version="1.1", started_at=NOON), report(service="intake"))
    assert found.condition is Condition.RUNNING
    assert found.since == NOON - timedelta(hours=1)
    assert (found.rate, found.dead, found.instances) == (10.0, 4, 2)
    assert found.versions == ("1.0", "1.1")
    assert found.progress_seconds == 1.5


def test_kafka_says_what_lies_before_a_stage() -> None:
    found = stage(flow=Flow(120, NOON - timedelta(minutes=2), 3.0))
    assert (found.lag, found.oldest_seconds, found.arriving) == (120, 120.0, 3.0)
    unknown = stage(report())
    assert (unknown.lag, unknown.oldest_seconds, unknown.arriving) == (None, None, None)


def test_controls_are_shown_with_their_reasons() -> None:
    mark = Mark("a bad model", "ops", NOON)
    found = stage(report(), control=Control("p.classifier", paused=mark))
    assert (found.paused, found.fuse) == (mark, None)


@pytest.mark.parametrize(
    ("reports", "condition"),
    [
        ([], Condition.ABSENT),
        ([report(at=NOON - SILENT_AFTER)], Condition.RUNNING),
        ([report(at=NOON - SILENT_AFTER - SECOND)], Condition.SILENT),
        ([report(state=State.STOPPED, at=NOON - timedelta(hours=9))], Condition.STOPPED),
        ([report(state=State.REFUSED, reason="no model")], Condition.REFUSED),
        (
            [report(state=State.REFUSED, reason="no model"), report("b:1", at=NOON)],
            Condition.RUNNING,
        ),
        (
            [report("b:1", at=NOON - timedelta(hours=1)), report(state=State.REFUSED, reason="x")],
            Condition.REFUSED,
        ),
    ],
)
def test_the_best_process_says_how_a_stage_is(reports: list[Report], condition: Condition) -> None:
    assert stage(*reports).condition is condition


def intake(ready: bool = True, **reasons: str) -> Report:
    """Of two stages, without which intake does its work."""
    parts = {TRACKING_ROUTED: "routed", TRACKING_PROGRESSED: "progressed"}
    consumed = tuple(
        Consumed(each.topic_name("p."), each.group_name("p."), {}, 0.0, 0.5, part)
        for each, part in parts.items()
    )
    return report(service="intake", ready=ready, reasons=reasons, consumed=consumed)


@pytest.mark.parametrize(
    ("process", "routed", "progressed"),
    [
        (intake(), {}, {}),
        (intake(routed="no offsets"), {"routed": "no offsets"}, {}),
        (
            intake(routed="no offsets", progressed="fuse open"),
            {"routed": "no offsets"},
            {"progressed": "fuse open"},
        ),
        (
            intake(ready=False, mongo="no primary", routed="no offsets"),
            {"mongo": "no primary", "routed": "no offsets"},
            {"mongo": "no primary"},
        ),
    ],
)
def test_stages_of_one_process_are_told_apart(
    process: Report, routed: dict[str, str], progressed: dict[str, str]
) -> None:
    for each, reasons in ((TRACKING_ROUTED, routed), (TRACKING_PROGRESSED, progressed)):
        found = stage_status(each, "p.", [process], None, None, NOON)
        assert (found.ready, found.reasons) == (not reasons, reasons)


def test_a_part_that_a_process_can_spare_is_shown_no_more() -> None:
    found = stage(report(reasons={"mongo": "no primary"}))
    assert (found.ready, found.reasons) == (True, {"mongo": "no primary"})


def test_a_stage_is_ready_where_one_of_its_processes_is() -> None:
    found = stage(report(ready=False, reasons={"": "Kafka: away"}), report("b:1"))
    assert (found.ready, found.reasons) == (True, {"": "Kafka: away"})


def test_a_refusal_keeps_its_reason() -> None:
    refused = report(state=State.REFUSED, reason="no model", ready=False)
    assert stage(refused).reason == "no model"
    process = process_status(refused, NOON)
    assert (process.condition, process.ready) == (Condition.REFUSED, False)
    assert process.reasons == {"start": "no model"}


def test_nothing_is_made_up_while_mongodb_is_away() -> None:
    found = stage_status(ROUTER, "p.", None, None, Flow(3, NOON, 1.0), NOON)
    assert (found.condition, found.lag, found.rate) == (Condition.UNKNOWN, 3, None)


def test_a_silent_process_is_not_ready_whatever_it_said_last() -> None:
    process = process_status(report(at=NOON - timedelta(minutes=1)), NOON)
    assert (process.condition, process.ready) == (Condition.SILENT, False)
    assert process.since == NOON - timedelta(minutes=1)
