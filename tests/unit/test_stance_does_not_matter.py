"""The same facts told critically and approvingly get the same areas and departments."""

from datetime import date
from pathlib import Path

import pytest

from schemas.departments import load_departments
from schemas.feedback import Kind, Submission
from schemas.routing import Role
from schemas.tagging import Tagging
from services.classifier.evaluation.measures import of_twins
from services.classifier.loading import load_tagger
from services.classifier.training.corpus import OwnText, read_own_texts
from services.routing.rulebook import load_rules
from services.routing.rules import choose_departments

TEXTS = Path(__file__).parents[2] / "services" / "classifier" / "evaluation" / "texts"


@pytest.fixture(scope="module")
def twins() -> list[OwnText]:
    return [each for each in read_own_texts("evaluation", TEXTS) if each.register == "twins"]


@pytest.fixture(scope="module")
def taggings(twins: list[OwnText]) -> list[Tagging]:
    return load_tagger().tag_many([each.text for each in twins])


def leads(text: str, tagging: Tagging) -> list[str]:
    chosen = choose_departments(
        tagging,
        Submission(kind=Kind.OBSERVATION, text=text),
        load_rules(),
        load_departments(),
        on=date(2026, 11, 2),
    )
    return [each.department for each in chosen if each.role is Role.LEAD]


def test_there_are_forty_pairs_or_more_over_many_areas(twins: list[OwnText]) -> None:
    pairs = list(zip(twins[::2], twins[1::2], strict=True))
    assert len(pairs) >= 40
    assert all(one.areas == two.areas and one.text != two.text for one, two in pairs)
    assert len({one.primary for one, _ in pairs}) >= 30


def test_twins_are_tagged_and_led_alike(twins: list[OwnText], taggings: list[Tagging]) -> None:
    led = [leads(each.text, tagging) for each, tagging in zip(twins, taggings, strict=True)]
    found = of_twins(taggings, led)
    assert found["same_first_area"][0] >= 0.8
    assert found["same_first_lead"][0] >= 0.8
    assert found["overlap_of_areas"][0] >= 0.7
    assert found["same_departments"][0] >= 0.7


def test_neither_telling_is_favoured(twins: list[OwnText], taggings: list[Tagging]) -> None:
    """Critical and approving texts are right, tagged and abstained from equally often."""

    def right(half: int) -> float:
        pairs = list(zip(twins, taggings, strict=True))[half::2]
        return sum(
            tagging.candidates[0].area in (*each.areas, *each.acceptable) for each, tagging in pairs
        ) / len(pairs)

    def abstained(half: int) -> float:
        return sum(tagging.abstained is not None for tagging in taggings[half::2]) / len(twins) * 2

    assert abs(right(0) - right(1)) <= 0.1
    assert abs(abstained(0) - abstained(1)) <= 0.1
