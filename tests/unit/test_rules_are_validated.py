"""Rules that the vocabularies do not carry are refused with the place of the fault."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.departments import load_departments
from schemas.policy_areas import load_policy_areas
from services.routing import rulebook
from services.routing.rulebook import Rules, load_rules, load_rules_from

SHIPPED = Path(rulebook.__file__).parent / "rules.json"


def changed(change: Any) -> bytes:
    rules = json.loads(SHIPPED.read_text())
    change(rules)
    return json.dumps(rules).encode()


def load(payload: bytes) -> Rules:
    return load_rules_from(payload, load_policy_areas(), load_departments())


def test_the_shipped_rules_give_every_area_a_lead() -> None:
    rules = load_rules()
    assert set(rules.areas) == set(load_policy_areas().slugs)
    assert rules.version
    assert rules.names["housing"] == "Housing"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rules: rules["areas"].pop("housing"), "no lead for the policy areas housing"),
        (
            lambda rules: rules["areas"].update({"hosing": {"lead": "DFE"}}),
            "areas.hosing names the unknown policy area",
        ),
        (
            lambda rules: rules["areas"].update({"housing": {"lead": "XYZ"}}),
            "areas.housing names the unknown department XYZ",
        ),
        (
            lambda rules: rules["areas"].update({"housing": {"lead": "DFE", "copied": ["DFE"]}}),
            "leads and is copied",
        ),
        (
            lambda rules: rules["kinds"]["funding"].update({"copied": ["XYZ"]}),
            "kinds.funding names the unknown department XYZ",
        ),
        (
            lambda rules: rules["nations"][0].update({"devolved": ["hosing"]}),
            "nations.Wales names the unknown policy area hosing",
        ),
        (
            lambda rules: rules["nations"][0].update({"copied": "XYZ"}),
            "nations.Wales names the unknown department XYZ",
        ),
        (lambda rules: rules.update({"ranking": {"wording": 2}}), "ranking"),
        (lambda rules: rules.update({"stance": "critic"}), "stance"),
    ],
)
def test_unsound_rules_are_refused(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(changed(change))
