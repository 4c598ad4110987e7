"""Times that strangers write into records are read, whatever they are."""

from datetime import UTC, datetime

import pytest

from services.runtime.times import from_milliseconds


@pytest.mark.parametrize(
    ("milliseconds", "year"),
    [(-(10**15), 1970), (-1, 1970), (1_795_653_824_123, 2026), (10**18, 9999)],
)
def test_any_number_is_a_moment(milliseconds: int, year: int) -> None:
    assert from_milliseconds(milliseconds).year == year


def test_a_moment_keeps_its_milliseconds() -> None:
    assert from_milliseconds(1_500) == datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)
