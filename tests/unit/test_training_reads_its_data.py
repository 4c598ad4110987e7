"""What training reads: the data's folder, the reviewable mapping, the texts written for it."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.departments import load_departments
from schemas.policy_areas import load_policy_areas
from services.classifier.training.corpus import (
    MissingData,
    OwnText,
    Question,
    read_corpus,
    read_hints,
    read_own_texts,
)
from services.classifier.training.supervision import Supervisor, keyword_term
from services.routing.rulebook import load_rules

ROOT = Path(__file__).parents[2]


def write_data(folder: Path) -> None:
    question = {"id": "wq-1", "text": "what steps?", "heading": "", "department": "PM"}
    rows = gzip.compress((json.dumps({**question, "date": "2025-01"}) + "\n").encode())
    (folder / "written_questions_train.jsonl.gz").write_bytes(rows)
    petition = {"id": "pet-1", "text": "Mend it\u2028now.", "department_current_ok": ["DFT"]}
    (folder / "petitions_dev.jsonl").write_text(json.dumps(petition, ensure_ascii=False) + "\n")
    label = {"id": "pet-1", "primary": "schools", "areas": ["schools"], "acceptable": ["tax"]}
    (folder / "petitions_dev_policy_areas.jsonl").write_text(json.dumps(label) + "\n")


def test_it_reads_questions_petitions_and_labels(tmp_path: Path) -> None:
    write_data(tmp_path)
    corpus = read_corpus(tmp_path)
    assert corpus.questions == (Question("what steps?", "", "CO", "2025-01"),)
    [petition] = corpus.petitions
    assert petition.departments == ("DFT",)
    assert petition.areas == ("schools",)
    assert petition.acceptable == ("tax",)
    assert corpus.sources["questions"]["rows"] == 1
    assert len(corpus.sources["questions"]["sha256"]) == 64


def test_missing_data_says_where_it_looked_and_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="FRONTLINE_TRAINING_DATA"):
        read_corpus(tmp_path)


def test_make_train_without_data_ends_with_one_clear_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.classifier.training"],
        cwd=ROOT,
        env={**os.environ, "FRONTLINE_TRAINING_DATA": str(tmp_path / "nowhere")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("make train: ")
    assert "nowhere" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def evaluation_texts() -> list[OwnText]:
    folder = ROOT / "services" / "classifier" / "evaluation" / "texts"
    return list(read_own_texts("evaluation", folder))


def test_own_texts_are_marked_and_cover_every_area_many_times() -> None:
    texts = list(read_own_texts())
    vocabulary = load_policy_areas()
    named = [area for text in texts for area in text.areas]
    assert set(named) == set(vocabulary.slugs)
    assert all(named.count(area) >= 30 for area in vocabulary.slugs)
    assert sum(not text.areas for text in texts) >= 200
    assert len({text.text for text in texts}) == len(texts)
    assert all(code in load_departments() for text in texts for code in text.departments)
    assert not any(set(text.areas) & set(text.acceptable) for text in texts)


def test_evaluation_texts_are_none_that_are_learnt_from() -> None:
    assert not {text.text for text in evaluation_texts()} & {t.text for t in read_own_texts()}


def test_texts_of_the_wrong_purpose_are_refused(tmp_path: Path) -> None:
    row = {"id": "a", "written_for": "evaluation", "areas": [], "text": "A text."}
    (tmp_path / "texts.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(ValueError, match="a is not marked as for training"):
        list(read_own_texts("training", tmp_path))


def test_own_texts_are_none_of_the_samples() -> None:
    file = ROOT / "deploy" / "samples" / "observations.jsonl"
    samples = {json.loads(line)["text"] for line in file.read_text().splitlines()}
    assert not samples & {text.text for text in read_own_texts()}


def test_the_mapping_names_known_areas_and_every_area_has_headings_and_keywords() -> None:
    hints = read_hints()
    areas = set(load_policy_areas().slugs)
    mapped = {area for found in hints.subjects.values() for area in found}
    assert mapped == areas
    assert set(hints.keywords) == areas
    assert {area for found in hints.qualifiers.values() for area in found} <= areas
    for phrases in hints.keywords.values():
        assert all(keyword_term(phrase) for phrase in phrases)


@pytest.fixture
def supervisor() -> Supervisor:
    rules = load_rules()
    leads = {area: rule.lead for area, rule in rules.areas.items()}
    return Supervisor(read_hints(), load_policy_areas().slugs, leads)


@pytest.mark.parametrize(
    ("heading", "areas"),
    [
        ("Schools", {"schools"}),
        ("Schools: Transport", {"schools", "special-educational-needs"}),
        ("Universal Credit: Disability", {"welfare-and-benefits", "disability"}),
        ("  universal credit ", {"welfare-and-benefits"}),
        ("Ruritania: Folk Dance", set()),
        ("", set()),
    ],
)
def test_headings_bring_their_areas(supervisor: Supervisor, heading: str, areas: set[str]) -> None:
    assert supervisor.areas_of_heading(heading) == areas


@pytest.mark.parametrize(
    ("question", "areas", "ground"),
    [
        (Question("on ferries.", "Housing", "DFT", "2025-01"), {"housing"}, "heading"),
        (
            Question("on ferries.", "Landlords and the rent", "DFT", "2025-01"),
            {"housing"},
            "keywords in the heading",
        ),
        (
            Question("how many landlords mend flats.", "", "MHCLG", "2025-01"),
            {"housing"},
            "keywords and department",
        ),
        (Question("how many landlords mend flats.", "", "DFT", "2025-01"), set(), "none"),
        (
            Question("on damp, mould and each landlord.", "", "DHSC", "2025-01"),
            {"housing"},
            "keywords alone",
        ),
    ],
)
def test_areas_rest_on_headings_then_on_keywords(
    supervisor: Supervisor, question: Question, areas: set[str], ground: str
) -> None:
    [row] = supervisor.label([question])
    found = {area for area, at in zip(load_policy_areas().slugs, row, strict=True) if at}
    assert found == areas
    assert supervisor.coverage() == {ground: 1.0}


def test_a_keyword_of_no_use_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one word"):
        keyword_term("three words long")
