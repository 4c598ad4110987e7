"""The summary counts what arrived, and only that."""

import re
from datetime import UTC, datetime, timedelta
from io import StringIO

from rich.console import Console

from deploy.local.outcome import Outcome, Queued
from deploy.local.summary import abstentions, departments_table, from_before, times

RECEIVED = datetime(2026, 6, 1, 12, tzinfo=UTC)


def outcome(
    *departments: str,
    areas: tuple[str, ...] = ("housing",),
    abstained: str | None = None,
    decided: tuple[str, ...] | None = None,
    after: float = 0.1,
) -> Outcome:
    at = RECEIVED + timedelta(seconds=after)
    queued = tuple(
        Queued(code, "lead" if index == 0 else "copied", at)
        for index, code in enumerate(departments)
    )
    meant = departments if decided is None else decided
    return Outcome("id", RECEIVED, areas, abstained, frozenset(meant), queued)


def printed(outcomes: list[Outcome]) -> str:
    console = Console(file=StringIO(), width=120)
    console.print(departments_table(outcomes, {"DHSC": "department-of-health-and-social-care"}))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_an_item_that_is_missing_or_surplus_has_not_arrived() -> None:
    assert outcome("DHSC", "DWP").arrived
    assert not outcome("DHSC", decided=("DHSC", "DWP")).arrived
    assert not outcome("DHSC", "DWP", decided=("DHSC",)).arrived
    assert not outcome(decided=()).arrived


def test_lead_and_copied_are_counted_apart_with_their_areas() -> None:
    text = printed([outcome("DHSC", "DWP"), outcome("DHSC", areas=("health", "housing"))])
    rows = [re.split(r" {2,}", line.strip()) for line in text.splitlines() if line.strip()]
    assert rows[-2:] == [
        ["department-of-health-and-social-care", "2", "0", "housing 2, health 1"],
        ["DWP", "0", "1", "housing 1"],
    ]


def test_many_areas_are_cut_and_the_rest_is_counted() -> None:
    areas = tuple(f"area-{number}" for number in range(7))
    assert "and 4 more" in printed([outcome("DHSC", areas=areas)])


def test_abstentions_are_counted_by_reason() -> None:
    some = [outcome("HUB", abstained=why) for why in ("no_area", "no_area", "too_short")]
    assert abstentions([*some, outcome("DHSC")]) == "Abstentions: 3 of 4 (2 no_area, 1 too_short)"
    assert abstentions([outcome("DHSC")]) == "Abstentions: none"


def test_times_are_from_received_to_the_last_queue() -> None:
    assert "median 100 ms" in times([outcome("DHSC")] * 3)
    assert "longest 2000 ms" in times([outcome("DHSC"), outcome("DHSC", after=2)])
    assert times([]) == "From accepted to queued: nothing arrived"


def test_what_an_earlier_start_sent_is_said() -> None:
    later = RECEIVED + timedelta(hours=1)
    assert (from_before([outcome("DHSC")], later) or "").startswith("1 of these")
    assert from_before([outcome("DHSC")], RECEIVED) is None
