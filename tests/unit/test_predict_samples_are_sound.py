"""The samples that ship are valid, varied, and reach many departments."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.departments import HUB, load_departments
from schemas.feedback import Capacity, Kind, Marking, Submission
from schemas.policy_areas import load_policy_areas
from schemas.routing import Role
from services.classifier.loading import load_tagger
from services.routing.rulebook import load_rules
from services.routing.rules import choose_departments

SAMPLES = Path(__file__).parents[2] / "deploy" / "samples" / "observations.jsonl"


def documents() -> list[dict[str, Any]]:
    return [json.loads(line) for line in SAMPLES.read_text(encoding="utf-8").splitlines()]


def submissions() -> list[Submission]:
    return [
        Submission.model_validate({name: value for name, value in each.items() if name != "id"})
        for each in documents()
    ]


def test_ids_are_unique_and_no_field_is_unknown() -> None:
    given = documents()
    assert len(given) >= 64
    assert len({each["id"] for each in given}) == len(given)
    for each in given:
        assert each.keys() - {"id"} <= Submission.model_fields.keys()


def test_they_name_known_areas_and_departments_and_no_future_day() -> None:
    today = datetime.now(UTC).date().isoformat()
    for each in submissions():
        if each.about:
            assert all(slug in load_policy_areas() for slug in each.about.areas)
            assert all(load_departments().has_slug(slug) for slug in each.about.departments)
        if each.observed_at:
            assert each.observed_at.isoformat() <= today


def test_they_are_as_varied_as_what_charities_send() -> None:
    given = submissions()
    assert {each.kind for each in given} == set(Kind)
    assert {each.capacity for each in given} == {*Capacity, None}
    assert {each.marking for each in given} == set(Marking)
    assert sum(each.language == "cy" for each in given) >= 2
    assert sum(len(each.text.split()) >= 300 for each in given) >= 5
    assert sum(len(each.text.split()) <= 25 for each in given) >= 8
    assert sum(each.provenance is not None for each in given) >= 20
    nations = Counter(each.place.gss[0] for each in given if each.place and each.place.gss)
    assert nations.keys() == {"E", "N", "S", "W"}


def test_they_reach_most_departments_and_the_hub() -> None:
    rules, departments = load_rules(), load_departments()
    tagger = load_tagger()
    today = datetime.now(UTC).date()
    leads: Counter[str] = Counter()
    for each in submissions():
        tagging = tagger.tag(each.text, each.language)
        chosen = choose_departments(tagging, each, rules, departments, on=today)
        assert chosen[0].role is Role.LEAD
        leads.update(one.department for one in chosen if one.role is Role.LEAD)
    assert len(leads) >= 18
    assert 5 <= leads[HUB] <= 20
