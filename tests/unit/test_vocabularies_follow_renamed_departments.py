"""A closed department's work is found with whoever does it on a given day."""

from datetime import date

import pytest

from schemas.departments import load_departments


@pytest.mark.parametrize(
    ("code", "on", "expected"),
    [
        ("BEIS", "2020-05-01", ["BEIS"]),
        ("BEIS", "2023-02-06", ["BEIS"]),
        ("BEIS", "2023-02-07", ["DESNZ", "DBT", "DSIT"]),
        ("DECC", "2018-05-01", ["BEIS"]),
        ("DECC", "2026-05-01", ["DESNZ"]),
        ("BIS", "2026-05-01", ["DBT", "DSIT", "DFE"]),
        ("DCLG", "2019-05-01", ["HCLG"]),
        ("DCLG", "2022-05-01", ["DLUHC"]),
        ("DCLG", "2026-05-01", ["MHCLG"]),
        ("DDCMS", "2026-05-01", ["DCMS", "DSIT"]),
        ("DFID", "2026-05-01", ["FCDO"]),
        ("DH", "2026-05-01", ["DHSC"]),
        ("GEO", "2026-05-01", ["WEQ"]),
        ("HUB", "2026-05-01", ["HUB"]),
    ],
)
def test_current_follows_dated_successors(code: str, on: str, expected: list[str]) -> None:
    found = load_departments().current(code, date.fromisoformat(on))
    assert [each.code for each in found] == expected


def test_a_department_is_open_from_its_first_day_to_the_day_before_it_closed() -> None:
    ministry = load_departments().by_code("DLUHC")
    assert ministry.opened_on is not None
    assert ministry.closed_on is not None
    assert not ministry.is_open(date(2021, 9, 17))
    assert ministry.is_open(ministry.opened_on)
    assert not ministry.is_open(ministry.closed_on)


def test_old_slugs_still_find_their_department() -> None:
    directory = load_departments()
    old = directory.by_slug("department-for-levelling-up-housing-and-communities")
    assert [each.code for each in directory.current(old.code, date(2026, 1, 1))] == ["MHCLG"]
