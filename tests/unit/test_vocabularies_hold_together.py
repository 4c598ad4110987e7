"""Both vocabularies are sound data, and unsound data does not load."""

import json
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.departments import HUB, Departments, load_departments
from schemas.policy_areas import PolicyAreas, load_policy_areas

TODAY = date(2026, 11, 2)
AREA = {"slug": "housing", "name": {"en": "Housing", "cy": "Tai"}, "scope": "Homes."}
HUB_ENTRY = {"code": HUB, "slug": "partnerships-hub", "name": {"en": "H", "cy": "H"}, "hub": True}


def department(code: str, **fields: Any) -> dict[str, Any]:
    return {"code": code, "slug": code.lower(), "name": {"en": code, "cy": code}, **fields}


def departments(*entries: dict[str, Any]) -> Departments:
    return Departments.model_validate_json(
        json.dumps({"version": "t", "departments": [HUB_ENTRY, *entries]})
    )


def test_there_are_58_areas_each_with_both_names_and_a_scope() -> None:
    vocabulary = load_policy_areas()
    assert len(vocabulary.slugs) == 58
    assert all(area.name.en and area.name.cy and area.scope for area in vocabulary.areas)
    assert vocabulary.by_slug("housing").name.cy == "Tai"
    assert "housing" in vocabulary
    assert "hosing" not in vocabulary


def test_an_unknown_area_is_named_in_the_error() -> None:
    with pytest.raises(KeyError, match="hosing"):
        load_policy_areas().by_slug("hosing")


@pytest.mark.parametrize("areas", [[AREA, AREA], [{**AREA, "slug": "z"}, AREA]])
def test_an_area_twice_or_out_of_order_does_not_load(areas: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError, match="each policy area once"):
        PolicyAreas.model_validate_json(json.dumps({"version": "t", "areas": areas}))


def test_today_there_are_22_departments_and_the_hub() -> None:
    present = load_departments().open_on(TODAY)
    assert len(present) == 23
    assert [each.code for each in present if each.hub] == [HUB]
    assert load_departments().by_slug("partnerships-hub").code == HUB
    assert load_departments().by_code("DEFRA").name.cy.startswith("Adran yr Amgylchedd")


def test_an_unknown_department_is_named_in_the_error() -> None:
    with pytest.raises(KeyError, match="XYZ"):
        load_departments().by_code("XYZ")
    with pytest.raises(KeyError, match="no-such-office"):
        load_departments().by_slug("no-such-office")
    assert not load_departments().has_slug("no-such-office")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([department("AB"), department("AB")], "code given twice: AB"),
        ([department("AB"), department("CD", slug="ab")], "slug given twice: ab"),
        ([department("AB", closed_on="2020-01-01")], "together"),
        ([department("AB", successors=["HUB"])], "together"),
        (
            [department("AB", closed_on="2020-01-01", successors=["ZZ"])],
            "successor ZZ does not exist",
        ),
        (
            [
                department("AB", closed_on="2020-01-01", successors=["CD"]),
                department("CD", closed_on="2021-01-01", successors=["AB"]),
            ],
            "lead to no open department",
        ),
        (
            [department("AB", opened_on="2020-01-01", closed_on="2020-01-01", successors=["HUB"])],
            "later than opened_on",
        ),
        ([department("AB", hub=True)], "exactly one entry is the hub"),
    ],
)
def test_unsound_directories_do_not_load(entries: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        departments(*entries)
