"""Which periods `verify` takes, and which it refuses."""

from datetime import timedelta

import pytest

from schemas.topics import RETENTION
from services.console.errors import WrongInput
from services.console.verification.period import MARGIN, settled_period
from tests.builders import NOON

SETTLE = timedelta(seconds=60)
DAY = timedelta(days=1)


def test_the_youngest_items_are_left_to_settle() -> None:
    period = settled_period(DAY, None, SETTLE, NOON, RETENTION)
    assert (period.start, period.end) == (NOON - DAY, NOON - SETTLE)
    assert period.read_from == NOON - DAY - MARGIN


def test_an_end_long_past_stays_as_it_is_given() -> None:
    until = NOON - timedelta(hours=3)
    assert settled_period(NOON - DAY, until, SETTLE, NOON, RETENTION).end == until


def test_an_end_to_come_is_now() -> None:
    assert settled_period(DAY, NOON + DAY, SETTLE, NOON, RETENTION).end == NOON - SETTLE


@pytest.mark.parametrize("since", [RETENTION + timedelta(hours=1), NOON - RETENTION * 2])
def test_a_period_beyond_retention_is_refused(since: timedelta) -> None:
    with pytest.raises(WrongInput, match="Topics keep their records for 30 d: begin at 2026-10"):
        settled_period(since, None, SETTLE, NOON, RETENTION)


@pytest.mark.parametrize(
    ("since", "until"), [(timedelta(seconds=30), None), (DAY, NOON - DAY * 2), (NOON + DAY, None)]
)
def test_a_period_in_which_nothing_settled_is_refused(since: timedelta, until: None) -> None:
    with pytest.raises(WrongInput, match="has settled"):
        settled_period(since, until, SETTLE, NOON, RETENTION)


def test_settling_takes_at_least_a_second() -> None:
    with pytest.raises(WrongInput, match="--settle"):
        settled_period(DAY, None, timedelta(), NOON, RETENTION)
