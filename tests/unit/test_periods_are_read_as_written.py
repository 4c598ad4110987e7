"""Durations and moments, as an operator writes them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.periods import read_duration, read_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("1h30m", 5_400), ("60", 60)],
)
def test_durations(text: str, seconds: float) -> None:
    assert read_duration(text) == timedelta(seconds=seconds)


def test_a_day_without_dashes_is_no_number_of_seconds() -> None:
    with pytest.raises(ValueError, match="2026-11-26"):
        read_duration("20261126")
    assert read_duration("999999") == timedelta(seconds=999_999)
    assert read_duration("20261126s") == timedelta(seconds=20_261_126)


@given(st.text(max_size=40))
def test_any_text_is_a_duration_or_a_clear_refusal(text: str) -> None:
    with suppress(ValueError):
        assert read_duration(text) >= timedelta(0)
    with suppress(ValueError):
        assert read_time(text).tzinfo is UTC


def test_a_moment_without_an_offset_is_utc() -> None:
    assert read_time("2026-11-24T13:56") == datetime(2026, 11, 24, 13, 56, tzinfo=UTC)
    assert read_time("2026-11-24T13:56+01:00") == datetime(2026, 11, 24, 12, 56, tzinfo=UTC)
    with pytest.raises(ValueError, match="no time"):
        read_time("yesterday")
    with pytest.raises(ValueError, match="no time"):
        read_time("0001-01-01T00:00+14:00")
