"""Whoever is on call reads `status` at 80 columns without misreading a number."""

from datetime import timedelta

import pytest
from rich.console import Console

from services.console.cli import exits
from services.console.cli.status import _outcome, render
from services.console.cli.tables import short
from services.console.notice import Notice, Urgency
from services.console.pipeline import (
    Condition,
    DepartmentStatus,
    Dependency,
    PipelineStatus,
    StageStatus,
)
from services.runtime.controls import Mark
from services.stages.stage import STAGES
from tests.builders import NOON


def busy(name: str, service: str, lag: int = 200_000) -> StageStatus:
    return StageStatus(
        name=name,
        service=service,
        does="",
        condition=Condition.RUNNING,
        since=NOON - timedelta(hours=1),
        ready=True,
        rate=3_333.3,
        arriving=3_333.3,
        lag=lag,
        oldest_seconds=7_805.0,
        dead=1_234,
        progress_seconds=65.0,
        versions=("0.5.0+gd316054", "0.6.0+g7957f9c"),
        instances=2,
    )


def status(*stages: StageStatus, problem: str | None = None, **changes: object) -> PipelineStatus:
    made = {
        "at": NOON,
        "attention": (),
        "kafka": Dependency("Kafka", problem),
        "mongo": Dependency("MongoDB", None),
        "stages": stages or tuple(busy(each.name, each.service) for each in STAGES),
        "processes": (),
        "departments": (),
        "counted_at": NOON,
        "outbox": None,
        "dead_letters": (),
        "disk": None,
    }
    return PipelineStatus(**(made | changes))  # type: ignore[arg-type]


def lines(found: PipelineStatus, width: int) -> list[str]:
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as caught:
        console.print(render(found, everything=False))
    shown = caught.get().splitlines()
    assert max(map(len, shown)) <= width
    return shown


@pytest.mark.parametrize("width", [80, 90, 100, 120, 200])
def test_each_number_and_name_stands_whole(width: int) -> None:
    shown = lines(status(), width)
    for stage in STAGES:
        [line] = [each for each in shown if each.startswith(f" {stage.name} ")]
        assert line.split()[1:5] == ["running", "3,333", "3,333", "200,000"]
        assert "2 h 10 min" in line
        assert "1,234" in line
        assert ("1 min 5 s" in line) or width < 90


def test_versions_are_the_first_to_go_and_are_there_where_they_fit() -> None:
    assert "Version" not in "\n".join(lines(status(), 80))
    wide = "\n".join(lines(status(), 200))
    assert "0.5.0+gd316054, 0.6.0+g7957f9c in 2" in wide


def test_what_stands_beside_a_number_folds_before_it() -> None:
    mark = Mark("a bad model", "ops", NOON)
    held = StageStatus(
        "tracking-progressed", "intake", "", Condition.REFUSED, fuse=mark, paused=mark,
        lag=31_400_000, rate=12_345.6, arriving=0.04, oldest_seconds=900_000.0, dead=9_999_999,
    )  # fmt: skip
    shown = "\n".join(lines(status(held), 80))
    for whole in (
        "tracking-progressed",
        "31M",
        "12,346",
        "0.0",
        "10 d 10 h",
        "10.0M",
        "fuse",
        "paused",
    ):
        assert whole in shown


def test_queues_fold_the_departments_name_alone() -> None:
    deep = DepartmentStatus(
        department="MHCLG",
        slug="ministry-of-housing-communities-local-government",
        waiting=1_234_567,
        in_flight=200_000,
        dead=999_999,
        oldest_seconds=7_805.0,
    )
    shown = lines(status(departments=(deep,)), 80)
    [line] = [each for each in shown if each.startswith(" MHCLG")]
    for whole in ("1.2M", "200,000", "999,999", "2 h 10 min"):
        assert whole in line


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (3_333.4, "3,333"), (999_999, "999,999"), (999_999.6, "1.0M"), (1_234_567, "1.2M"),
     (31_400_000, "31M"), (4e9, "4.0G")],
)  # fmt: skip
def test_large_numbers_are_short(number: float, text: str) -> None:
    assert short(number) == text


def notices(*urgencies: Urgency) -> tuple[Notice, ...]:
    return tuple(Notice(each, "router", "is so", "do that") for each in urgencies)


@pytest.mark.parametrize(
    ("attention", "problem", "check", "code"),
    [
        ((), None, True, exits.GOOD),
        (notices(Urgency.SOON, Urgency.NOTE), None, True, exits.GOOD),
        (notices(Urgency.NOW, Urgency.NOTE), None, True, exits.FAULTS),
        (notices(Urgency.NOW), None, False, exits.GOOD),
        (notices(Urgency.NOW), "no answer", True, exits.AWAY),
        (notices(Urgency.NOW), "no answer", False, exits.AWAY),
    ],
)
def test_a_probe_ends_with_one_while_feedback_does_not_flow(
    attention: tuple[Notice, ...], problem: str | None, check: bool, code: int
) -> None:
    assert _outcome(status(attention=attention, problem=problem), check) == code
