"""Reads what a training run learns from and is measured on."""

import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QUESTIONS = "written_questions_train.jsonl.gz"
PETITIONS = "petitions_dev.jsonl"
PETITION_AREAS = "petitions_dev_policy_areas.jsonl"

_HERE = Path(__file__).parent

# 10 Downing Street is no department of its own in routing: the Cabinet Office serves it.
_ANSWERED_BY = {"PM": "CO"}


class MissingData(FileNotFoundError):  # noqa: N818 - named for what it says
    """The training data is not where it was looked for; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Question:
    """A written question: who answered it, under which heading, when (YYYY-MM or YYYY-MM-DD)."""

    text: str
    heading: str
    department: str
    date: str


@dataclass(frozen=True, slots=True)
class OwnText:
    """A text written for training: its areas (none: out of scope) and its main department."""

    text: str
    areas: tuple[str, ...]
    department: str | None


@dataclass(frozen=True, slots=True)
class Petition:
    """A petition for development: any of `departments` is right; areas where it was labelled."""

    text: str
    departments: tuple[str, ...]
    areas: tuple[str, ...] = ()
    acceptable: tuple[str, ...] = ()
    primary: str | None = None


def joined_petitions(petitions: Sequence[Petition]) -> Petition:
    """One long text with the issues of all."""
    return Petition(
        text="\n\n".join(each.text for each in petitions),
        departments=tuple(code for each in petitions for code in each.departments),
        areas=tuple({area: None for each in petitions for area in each.areas}),
        acceptable=tuple({area: None for each in petitions for area in each.acceptable}),
    )


@dataclass(frozen=True, slots=True)
class Hints:
    """The reviewable mapping of headings and words to areas.

    `subjects` maps a heading, or its part before the first colon, and `qualifiers` its later
    parts; `keywords` are words or pairs of words as people write them.
    """

    subjects: Mapping[str, frozenset[str]]
    qualifiers: Mapping[str, frozenset[str]]
    keywords: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Corpus:
    """All that a run needs; petitions are for thresholds and scores, never for fitting."""

    questions: tuple[Question, ...]
    own_texts: tuple[OwnText, ...]
    petitions: tuple[Petition, ...]
    hints: Hints
    sources: Mapping[str, Any]


def read_corpus(folder: Path) -> Corpus:
    """Reads the data in `folder` and what ships beside this module; raises `MissingData`."""
    for name in (QUESTIONS, PETITIONS, PETITION_AREAS):
        if not (folder / name).is_file():
            raise MissingData(
                f"{folder / name} is missing: set FRONTLINE_TRAINING_DATA to the folder that holds "
                f"{QUESTIONS}, {PETITIONS} and {PETITION_AREAS}"
            )
    questions = tuple(_questions(folder / QUESTIONS))
    own_texts = tuple(read_own_texts())
    return Corpus(
        questions=questions,
        own_texts=own_texts,
        petitions=tuple(_petitions(folder)),
        hints=read_hints(),
        sources={
            "questions": _source(folder / QUESTIONS, len(questions)),
            "own_texts": _source(_HERE / "own_texts.jsonl", len(own_texts)),
            "headings": _source(_HERE / "headings.json"),
            "keywords": _source(_HERE / "keywords.json"),
        },
    )


def read_own_texts() -> Iterator[OwnText]:
    """Reads the texts that were written for training and ship with it."""
    for row in _lines((_HERE / "own_texts.jsonl").read_text(encoding="utf-8")):
        if row["written_for"] != "training":
            raise ValueError(f"own_texts.jsonl: {row['id']} is not marked as written for training")
        yield OwnText(row["text"], tuple(row["areas"]), row.get("department"))


def read_hints() -> Hints:
    """Reads the mapping that ships with training."""
    headings = json.loads((_HERE / "headings.json").read_text(encoding="utf-8"))
    keywords = json.loads((_HERE / "keywords.json").read_text(encoding="utf-8"))["keywords"]
    return Hints(
        subjects=_inverted(headings["subjects"]),
        qualifiers=_inverted(headings["qualifiers"]),
        keywords={area: tuple(words) for area, words in keywords.items()},
    )


def _inverted(by_area: Mapping[str, list[str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for area, headings in by_area.items():
        for heading in headings:
            found.setdefault(heading.lower(), set()).add(area)
    return {heading: frozenset(areas) for heading, areas in found.items()}


def _questions(path: Path) -> Iterator[Question]:
    for row in _lines(gzip.decompress(path.read_bytes()).decode()):
        department = _ANSWERED_BY.get(row["department"], row["department"])
        yield Question(row["text"], row["heading"], department, row["date"])


def _petitions(folder: Path) -> Iterator[Petition]:
    labelled = {
        row["id"]: row for row in _lines((folder / PETITION_AREAS).read_text(encoding="utf-8"))
    }
    for row in _lines((folder / PETITIONS).read_text(encoding="utf-8")):
        label = labelled.get(row["id"], {})
        yield Petition(
            text=row["text"],
            departments=tuple(row["department_current_ok"]),
            areas=tuple(label.get("areas", ())),
            acceptable=tuple(label.get("acceptable", ())),
            primary=label.get("primary"),
        )


def _lines(text: str) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in text.split("\n") if line)


def _source(path: Path, rows: int | None = None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    return described if rows is None else {**described, "rows": rows}
