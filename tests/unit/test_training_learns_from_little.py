"""A whole training run on a few hundred texts written here: it learns, repeats itself, reports."""

import json
from collections.abc import Iterator
from datetime import date
from itertools import product
from pathlib import Path

import pytest

from schemas.departments import load_departments
from schemas.policy_areas import load_policy_areas
from services.classifier.model import Model, load_model, save_model
from services.classifier.tagging import Tagger
from services.classifier.training.corpus import Corpus, Hints, OwnText, Petition, Question
from services.classifier.training.recipe import Recipe
from services.classifier.training.run import Training
from services.classifier.training.scores import table
from services.routing.rulebook import load_rules

SUBJECTS = {
    "housing": ("MHCLG", "Housing", ("damp flats", "landlord", "tenants", "rent arrears", "mould")),
    "schools": ("DFE", "Schools", ("pupils", "teachers", "classroom", "exams", "headteacher")),
    "nhs-services": ("DHSC", "NHS", ("hospital", "patients", "nurses", "surgery", "ambulance")),
    "energy": ("DESNZ", "Energy", ("electricity", "meter", "insulation", "gas boiler", "grid")),
}
ENDINGS = (
    "in the north of England",
    "in rural places",
    "for families on low incomes",
    "since the last report was published",
)
MONTHS = ("2025-03", "2025-06-12", "2025-09", "2025-12-02", "2026-01")


def questions() -> Iterator[Question]:
    for area, (department, heading, words) in SUBJECTS.items():
        pairs = [(one, two) for one in words for two in words if one != two]
        for at, ((one, two), ending) in enumerate(product(pairs, ENDINGS)):
            # two thirds have a heading, the others rest on keywords
            yield Question(
                f"what steps are taken on {one} and {two} {ending}.",
                f"{heading}: Standards" if at % 3 else "",
                department,
                MONTHS[(at + len(area)) % len(MONTHS)],
            )


def corpus() -> Corpus:
    return Corpus(
        questions=tuple(questions()),
        own_texts=(
            OwnText("Our flats are damp and the landlord shrugs.", ("housing",), None),
            OwnText("Nurses cannot find the ward's kettle.", ("nhs-services",), None),
            OwnText("The raffle was a joy and the cake was eaten.", (), None),
        ),
        petitions=tuple(
            Petition(f"Do more about {words[0]} and {words[1]}.", (lead,), (area,), (), area)
            for area, (lead, _, words) in SUBJECTS.items()
        ),
        hints=Hints(
            subjects={
                heading.lower(): frozenset({area}) for area, (_, heading, _) in SUBJECTS.items()
            },
            qualifiers={},
            keywords={area: words for area, (_, _, words) in SUBJECTS.items()},
        ),
        sources={"questions": {"file": "written here", "rows": 320}},
    )


def training() -> Training:
    return Training(
        corpus=corpus(),
        recipe=Recipe(name="test"),
        vocabulary=load_policy_areas(),
        departments=load_departments(),
        rules=load_rules(),
        on=date(2026, 11, 2),
    )


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def model(said: list[str]) -> Model:
    return training().train(said.append)


def test_it_learns_areas_and_departments(model: Model, tmp_path: Path) -> None:
    save_model(model, tmp_path)
    tagger = Tagger(load_model(tmp_path), load_rules())
    tagging = tagger.tag("Tenants tell us that the landlord leaves mould in damp flats.")
    assert tagging.areas[0].area == "housing"
    assert tagging.department_candidates[0].department == "MHCLG"
    assert "landlord" in tagging.areas[0].reasons


def test_it_holds_late_questions_out_and_scores_itself(model: Model, said: list[str]) -> None:
    scores = model.metadata["scores"]
    assert scores["later_questions_departments"]["texts"] == 128
    assert scores["later_questions_departments"]["first_right"] > 0.95
    assert scores["petitions_areas"]["first_right"] == 1
    assert scores["petitions_routing"]["first_lead_right"] == 1
    assert any("rest on" in line for line in said)
    assert "first right" in table(scores)


def test_it_prints_what_the_areas_rest_on(model: Model) -> None:
    coverage = model.metadata["coverage"]
    assert coverage["heading"] == pytest.approx(2 / 3, abs=0.02)
    assert coverage["keywords and department"] == pytest.approx(1 / 3, abs=0.02)


def test_the_same_seed_gives_the_same_artifact(model: Model, tmp_path: Path) -> None:
    save_model(model, tmp_path / "first")
    save_model(training().train(lambda _: None), tmp_path / "second")
    for name in ("arrays.npz", "metadata.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    version = json.loads((tmp_path / "first" / "metadata.json").read_text())["model_version"]
    assert version.startswith("test-")
