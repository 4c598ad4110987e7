"""Another model or other thresholds: what would change, per area and department, with examples."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.tagging import Abstention, AreaCandidate, AreaTag, DepartmentCandidate, Tagging
from services.classifier.comparing import Changes, differences
from services.classifier.model_files import load_model, save_thresholds

ROOT = Path(__file__).parents[2]
LINES = [
    {"id": "a", "text": "Damp and mould have spread in the flats, and the landlord shrugs at it."},
    {"id": "b", "text": "The bus to the hospital was cut, so patients miss their appointments."},
    {"id": "c", "text": "Thank you."},
]


def tagging(area: str, department: str, *tagged: str) -> Tagging:
    return Tagging(
        areas=tuple(AreaTag(area=each, probability=0.9) for each in tagged),
        abstained=None if tagged else Abstention.NO_AREA,
        candidates=(AreaCandidate(area=area, probability=0.9),),
        department_candidates=(DepartmentCandidate(department=department, probability=0.9),),
        model_version="t",
        vocabulary_version="t",
    )


def test_differences_have_few_names() -> None:
    old = tagging("tax", "HMT", "tax")
    assert list(differences(old, old)) == []
    assert list(differences(old, tagging("tax", "HMT", "tax", "trade"))) == ["areas"]
    assert list(differences(old, tagging("trade", "DBT"))) == [
        *("first_area", "areas", "first_department", "abstained")
    ]


def test_changes_count_and_keep_a_few_examples() -> None:
    changes = Changes()
    for number in range(5):
        changes.note(str(number), ["tax"], ["trade", "tax"] if number else ["trade"])
    assert changes.gained["trade"] == 5
    assert changes.lost["tax"] == 1
    assert changes.kept["tax"] == 4
    assert changes.examples["gained", "trade"] == ["0", "1", "2"]
    assert changes.names() == ["trade", "tax"]


def compare(*arguments: str, lines: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "services.classifier.compare", *arguments],
        cwd=ROOT,
        input=lines,
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def texts() -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in LINES)


def test_other_thresholds_are_compared_with_the_shipped_ones(tmp_path: Path, texts: bytes) -> None:
    model = load_model()
    strict = replace(
        model.thresholds,
        version="strict",
        areas=dict.fromkeys(model.areas, 2.0),
        first_at=2.0,
    )
    save_thresholds(strict, tmp_path / "strict.json")
    done = compare("shipped", f"shipped+{tmp_path / 'strict.json'}", "--json", lines=texts)
    assert done.returncode == 0, done.stderr
    found = json.load(io.BytesIO(done.stdout))
    assert found["texts"] == 3
    assert found["differing"]["abstained"] == 2
    lost = {row["name"]: row for row in found["areas"]}
    assert lost["housing"]["lost"] == 1
    assert lost["housing"]["examples_lost"] == ["a"]
    assert {row["name"] for row in found["departments"]} >= {"partnerships-hub (lead)"}
    shown = compare("shipped", f"shipped+{tmp_path / 'strict.json'}", lines=texts)
    assert b"lost   a: Damp and mould" in shown.stdout


def test_the_same_model_changes_nothing_and_bad_lines_are_named(texts: bytes) -> None:
    done = compare("shipped", "shipped", "--json", lines=texts + b"{\n")
    assert done.returncode == 1
    assert json.load(io.BytesIO(done.stdout))["differing"] == {}
    assert b"line 4: not JSON" in done.stderr


def test_a_missing_model_is_one_clear_line(tmp_path: Path, texts: bytes) -> None:
    done = compare("shipped", str(tmp_path / "nowhere"), lines=texts)
    assert done.returncode == 2
    assert done.stderr.startswith(b"compare: ")
    assert len(done.stderr.splitlines()) == 1
