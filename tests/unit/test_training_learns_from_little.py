"""A whole training run on a few hundred texts written here: it learns, repeats itself, reports."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from services.classifier.careful import CarefulReader
from services.classifier.model import CarefulWeights, Model
from services.classifier.model_files import load_model, save_model
from services.classifier.tagging import Tagger
from services.classifier.training.calibrating import Calibration
from services.classifier.training.corpus import Corpus, Hints, OwnText, Petition, Question
from services.classifier.training.examples import Examples
from services.classifier.training.frame import current_frame
from services.classifier.training.recipe import Recipe
from services.classifier.training.run import Say, train
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
MONTHS = ("2025-03", "2025-06-12", "2025-09", "2025-12-02", "2026-02")


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
        own_texts=tuple(own_texts()),
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


def own_texts() -> Iterator[OwnText]:
    for area, (department, _, words) in SUBJECTS.items():
        for one, two in product(words, words):
            if one != two:
                yield OwnText(f"Our members see {one} and {two} again.", (area,), (department,))
    for number in range(20):
        yield OwnText(f"The raffle of evening {number} was a joy and the cake was eaten.", ())


def encoder_as_it_ships(stages: Sequence[Examples], areas: int, say: Say) -> CarefulWeights:
    """Stands in for fine-tuning: the shipped encoder, with heads by least squares."""
    shipped = load_model().careful
    assert shipped is not None
    width = len(shipped.weights)
    states = CarefulWeights(
        shipped.encoder,
        shipped.tokenizer,
        np.eye(width, dtype=np.float32),
        np.zeros(width, dtype=np.float32),
    )
    examples = stages[-1]
    [*read] = (
        each.scores for text in examples.texts for each in CarefulReader(states).read([text])
    )
    seen = np.column_stack([np.stack(read), np.ones(len(read))])
    right = np.column_stack(
        [examples.areas.clip(0), examples.departments, examples.out_of_scope.clip(0)]
    )
    ridge = seen.T @ seen + 1e-2 * np.eye(width + 1)
    heads = np.linalg.solve(ridge, seen.T @ (8 * right - 4)).astype(np.float32)
    say(f"fitted heads on {len(examples)} texts")
    return CarefulWeights(shipped.encoder, shipped.tokenizer, heads[:-1], heads[-1])


def trained(say: Say, *, careful: bool) -> tuple[Model, Calibration]:
    found = corpus()
    answering = tuple(sorted({question.department for question in found.questions}))
    recipe = Recipe(name="test", questions_again=40)
    frame = current_frame(answering, date(2026, 11, 2))
    return train(found, recipe, frame, say, encoder_as_it_ships if careful else None)


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def model(said: list[str]) -> Model:
    return trained(said.append, careful=True)[0]


def test_it_learns_areas_departments_and_scope(model: Model, tmp_path: Path) -> None:
    save_model(model, tmp_path)
    read = load_model(tmp_path)
    assert read.careful is not None
    for careful in (None, CarefulReader(read.careful)):
        tagger = Tagger(read, load_rules(), careful)
        tagging = tagger.tag("Tenants tell us that the landlord leaves mould in damp flats.")
        assert tagging.candidates[0].area == "housing"
        assert tagging.department_candidates[0].department == "MHCLG"
        aside = tagger.tag("The raffle of our evening was a joy and the cake was eaten up.")
        assert aside.abstained is not None


def test_it_never_learns_from_late_questions_and_says_what_areas_rest_on(
    model: Model, said: list[str]
) -> None:
    assert any("256 questions rest on" in line for line in said)
    coverage = model.metadata["coverage"]
    assert coverage["heading"] == pytest.approx(2 / 3, abs=0.02)
    assert coverage["keywords and department"] == pytest.approx(1 / 3, abs=0.02)


def test_calibration_can_leave_petitions_out() -> None:
    _, calibration = trained(lambda _: None, careful=False)
    fewer = calibration.without([0, 2])
    assert len(fewer.scored.fast) == len(calibration.scored.fast) - 2
    assert fewer.labelled[0] == calibration.labelled[1]
    assert len(fewer.labelled) == len(calibration.labelled) - 2


def test_the_same_seed_gives_the_same_artifact(tmp_path: Path) -> None:
    for name in ("first", "second"):
        save_model(trained(lambda _: None, careful=False)[0], tmp_path / name)
    for name in ("fast.npz", "metadata.json", "thresholds.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    assert load_model(tmp_path / "first").version.startswith("test-")
