"""What needs a person is said in words, with what to do, and the most urgent comes first."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.console.attention import attention
from services.console.notice import Notice, Urgency
from services.console.pipeline import (
    Condition,
    DeadLettersStatus,
    DepartmentStatus,
    Dependency,
    DiskStatus,
    OutboxStatus,
    PipelineStatus,
    ProcessStatus,
    StageStatus,
)
from services.runtime.controls import Mark
from services.stages.stage import STAGES
from tests.builders import NOON

MINUTE = timedelta(minutes=1)
MARK = Mark("a bad model", "ops", NOON - 5 * MINUTE)
QUIET = tuple(
    StageStatus(
        stage.name,
        stage.service,
        stage.does,
        Condition.RUNNING,
        since=NOON - 60 * MINUTE,
        ready=True,
        rate=2.0,
        arriving=2.0,
        lag=0,
        progress_seconds=0.1,
        versions=("1.0",),
        instances=1,
    )
    for stage in STAGES
)
STATUS = PipelineStatus(
    at=NOON,
    attention=(),
    kafka=Dependency("Kafka"),
    mongo=Dependency("MongoDB"),
    stages=QUIET,
    processes=(),
    departments=(DepartmentStatus("MHCLG", "housing", 5, 1, 0, 60.0),),
    counted_at=NOON,
    outbox=OutboxStatus(3, False, 1.0),
    dead_letters=(DeadLettersStatus("feedback.received", 0),),
)


def with_stage(name: str, **changes: Any) -> PipelineStatus:
    stages = tuple(replace(each, **changes) if each.name == name else each for each in QUIET)
    return replace(STATUS, stages=stages)


def only(status: PipelineStatus) -> Notice:
    [notice] = attention(status)
    assert notice.do
    return notice


@pytest.mark.parametrize(("used", "urgency"), [(84, None), (86, Urgency.SOON), (96, Urgency.NOW)])
def test_a_disk_is_named_before_it_is_full(used: int, urgency: Urgency | None) -> None:
    notices = attention(replace(STATUS, disk=DiskStatus(used * 1024**3, 100 * 1024**3)))
    assert [each.urgency for each in notices] == ([urgency] if urgency else [])
    assert all(f"{100 - used}.0 GiB are left" in each.what for each in notices)


def test_a_pipeline_that_flows_needs_nobody() -> None:
    assert attention(STATUS) == ()


@pytest.mark.parametrize(
    ("changes", "urgency", "about", "words"),
    [
        (
            {"condition": Condition.REFUSED, "since": NOON - 3 * MINUTE, "reason": "no model"},
            Urgency.NOW,
            "classifier",
            "refused to start 3 min ago: no model",
        ),
        (
            {"condition": Condition.SILENT, "since": NOON - MINUTE},
            Urgency.NOW,
            "classifier",
            "has been silent for 1 min",
        ),
        ({"condition": Condition.ABSENT, "since": None}, Urgency.NOW, "classifier", "not reported"),
        (
            {"condition": Condition.STOPPED, "since": NOON - MINUTE},
            Urgency.NOW,
            "classifier",
            "was stopped 1 min ago",
        ),
        ({"fuse": MARK}, Urgency.NOW, "classifier", "stopped itself 5 min ago: a bad model"),
        ({"paused": MARK}, Urgency.SOON, "classifier", "paused for 5 min by ops: a bad model"),
        (
            {"ready": False, "reasons": {"mongo": "no primary"}},
            Urgency.NOW,
            "classifier",
            "cannot work: mongo: no primary",
        ),
        (
            {"lag": 1_200, "oldest_seconds": 90.0, "rate": 22.0},
            Urgency.SOON,
            "classifier",
            "1,200 records wait, the oldest for 1 min 30 s; at 22 a second it catches up in 1 min",
        ),
        (
            {"lag": 1_200, "oldest_seconds": 900.0},
            Urgency.NOW,
            "classifier",
            "it handles 2 a second and 2 arrive",
        ),
        (
            {"lag": 5, "oldest_seconds": 90.0, "progress_seconds": 80.0},
            Urgency.NOW,
            "classifier",
            "it has not polled for 1 min 20 s",
        ),
        ({"versions": ("1.0", "1.1")}, Urgency.NOTE, "classifier", "versions 1.0 and 1.1"),
    ],
)
def test_a_stage_is_named_with_its_trouble(
    changes: dict[str, Any], urgency: Urgency, about: str, words: str
) -> None:
    notice = only(with_stage("classifier", **changes))
    assert (notice.urgency, notice.about) == (urgency, about)
    assert words in notice.what


def test_a_young_lag_needs_nobody() -> None:
    assert attention(with_stage("router", lag=100_000, oldest_seconds=20.0)) == ()


def test_a_service_of_several_stages_is_named_once() -> None:
    stages = tuple(
        replace(each, condition=Condition.SILENT) if each.service == "intake" else each
        for each in QUIET
    )
    assert only(replace(STATUS, stages=stages)).about == "intake"


def test_who_cannot_work_is_not_told_to_grow() -> None:
    stuck = with_stage(
        "tracking-routed", ready=False, reasons={"x": "no offsets"}, lag=5, oldest_seconds=90.0
    )
    why, behind = attention(stuck)
    assert "cannot work: x: no offsets" in why.what
    assert "goes on by itself" in behind.do


def test_a_held_stage_is_not_called_unready_too() -> None:
    held = with_stage("router", fuse=MARK, ready=False, reasons={"router": "the fuse is open"})
    assert "fuse reset router" in only(held).do


@pytest.mark.parametrize(
    ("changes", "urgency", "about", "words"),
    [
        ({"kafka": Dependency("Kafka", "TimeoutError")}, Urgency.NOW, "Kafka", "TimeoutError"),
        ({"mongo": Dependency("MongoDB", "no primary")}, Urgency.NOW, "MongoDB", "no primary"),
        (
            {"outbox": OutboxStatus(7, False, 120.0)},
            Urgency.NOW,
            "outbox",
            "7 accepted, not published, the oldest for 2 min",
        ),
        (
            {"dead_letters": (DeadLettersStatus("feedback.tagged", 1_250),)},
            Urgency.SOON,
            "feedback.tagged",
            "1,250 dead letters wait",
        ),
        (
            {"departments": (DepartmentStatus("MHCLG", "housing", 5, 0, 0, 100_000.0),)},
            Urgency.SOON,
            "housing",
            "stands still: 5 wait, the oldest for 1 d 3 h",
        ),
        (
            {"departments": (DepartmentStatus("MHCLG", "housing", 5, 2, 0, 100_000.0),)},
            Urgency.NOTE,
            "housing",
            "some are being worked",
        ),
        (
            {"departments": (DepartmentStatus("MHCLG", "housing", 0, 0, 2, None),)},
            Urgency.SOON,
            "housing",
            "2 items of its queue are dead",
        ),
    ],
)
def test_what_lies_around_the_stages_is_named(
    changes: dict[str, Any], urgency: Urgency, about: str, words: str
) -> None:
    notice = only(replace(STATUS, **changes))
    assert (notice.urgency, notice.about) == (urgency, about)
    assert words in notice.what


def test_what_is_not_known_is_no_trouble_of_its_own() -> None:
    status = replace(
        STATUS,
        mongo=Dependency("MongoDB", "TimeoutError"),
        stages=tuple(replace(each, condition=Condition.UNKNOWN, ready=False) for each in QUIET),
        departments=None,
        counted_at=None,
        outbox=None,
        dead_letters=None,
    )
    assert only(status).about == "MongoDB"


def test_one_process_of_several_is_named_while_it_is_news() -> None:
    def beside(minutes: int) -> PipelineStatus:
        process = ProcessStatus(
            "router", "b:1", "1.0", Condition.SILENT, NOON - minutes * MINUTE, False, {}
        )
        return replace(STATUS, processes=(process,))

    notice = only(beside(2))
    assert (notice.urgency, notice.about) == (Urgency.SOON, "router at b:1")
    assert attention(beside(60)) == ()


def test_the_most_urgent_comes_first() -> None:
    status = replace(
        with_stage("streams", fuse=MARK),
        dead_letters=(DeadLettersStatus("feedback.received", 3),),
        departments=(DepartmentStatus("MHCLG", "housing", 5, 2, 0, 100_000.0),),
    )
    assert [each.urgency for each in attention(status)] == [*Urgency]
    assert [each.about for each in attention(status)] == ["streams", "feedback.received", "housing"]
