"""`predict` answers each line with what the pipeline would do, and names unreadable lines."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.departments import load_departments
from schemas.feedback import Submission
from services.classifier.loading import load_tagger
from services.routing.rulebook import load_rules
from services.routing.rules import choose_departments

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "deploy" / "samples" / "observations.jsonl"


def predict(lines: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "services.classifier.predict"],
        cwd=ROOT,
        input=lines,
        capture_output=True,
        timeout=120,
        check=False,
    )


def answers(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def samples() -> list[dict[str, Any]]:
    return [json.loads(line) for line in SAMPLES.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def answered() -> list[dict[str, Any]]:
    done = predict(SAMPLES.read_bytes())
    assert done.returncode == 0, done.stderr
    return answers(done)


def test_an_answer_has_the_agreed_form(answered: list[dict[str, Any]]) -> None:
    slugs = {each.slug for each in load_departments().departments}
    for answer in answered:
        assert list(answer) == [
            *("id", "areas", "departments", "abstained", "candidates"),
            *("department_candidates", "model_version"),
        ]
        assert all(set(each) == {"area", "probability", "reasons"} for each in answer["areas"])
        assert all(set(each) == {"area", "probability"} for each in answer["candidates"])
        assert len(answer["candidates"]) == 10
        assert len(answer["department_candidates"]) == 5
        assert {each["department"] for each in answer["department_candidates"]} <= slugs
        for each in answer["departments"]:
            assert set(each) == {"department", "role", "because"}
            assert each["department"] in slugs


def test_the_departments_are_those_that_the_rules_choose(answered: list[dict[str, Any]]) -> None:
    rules, departments = load_rules(), load_departments()
    tagger = load_tagger()
    today = datetime.now(UTC).date()
    given = samples()
    assert [answer["id"] for answer in answered] == [sample["id"] for sample in given]
    for sample, answer in zip(given, answered, strict=True):
        submission = Submission.model_validate(
            {name: value for name, value in sample.items() if name != "id"}
        )
        tagging = tagger.tag(submission.text, submission.language)
        chosen = choose_departments(tagging, submission, rules, departments, on=today)
        assert answer["departments"] == [
            {
                "department": departments.by_code(each.department).slug,
                "role": each.role.value,
                "because": each.because,
            }
            for each in chosen
        ]


def test_unreadable_lines_are_named_and_the_others_answered() -> None:
    done = predict(
        b'{"id": "a", "text": "The landlord ignores damp in the flats of tenants."}\n'
        b"not json\n"
        b"\n"
        b'{"id": "b"}\n'
        b'{"id": "c", "text": "words", "kind": "gossip"}\n'
        b"\xff\xfe\n" + b"[" * 100_000 + b"\n"
        b'{"id": 7, "text": ""}\n'
    )
    assert done.returncode == 1
    assert [answer["id"] for answer in answers(done)] == ["a", 7]
    complaints = done.stderr.decode().splitlines()
    assert [each.split(":")[0] for each in complaints] == [f"line {n}" for n in (2, 4, 5, 6, 7)]
    assert "text" in complaints[1]
    assert "kind" in complaints[2]


def test_an_empty_text_goes_to_the_hub() -> None:
    [answer] = answers(predict(b'{"id": "a", "text": ""}'))
    assert answer["abstained"] == "too_short"
    assert [each["department"] for each in answer["departments"]] == ["partnerships-hub"]


def test_kind_and_place_count_as_they_do_in_the_pipeline() -> None:
    line = {
        "id": "a",
        "text": "School meals in our valley are cold, and teachers buy bread for pupils.",
        "kind": "funding",
        "place": "CF44 9AB",
    }
    [answer] = answers(predict(json.dumps(line).encode()))
    roles = {each["department"]: each["role"] for each in answer["departments"]}
    assert roles["department-for-education"] == "lead"
    assert roles["department-for-culture-media-and-sport"] == "copied"
    assert roles["office-of-the-secretary-of-state-for-wales"] == "copied"
