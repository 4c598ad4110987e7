"""Reads what a training run learns from and is measured on."""

import gzip
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

QUESTIONS = "written_questions_train.jsonl.gz"
PETITIONS = "petitions_dev.jsonl"
PETITION_AREAS = "petitions_dev_policy_areas.jsonl"

_HERE = Path(__file__).parent
OWN_TEXTS = _HERE / "texts"
HEADINGS_NEAR = _HERE / "headings_near.json"
_DEFAULT_DATA = "../shared/data"

# 10 Downing Street is no department of its own in routing: the Cabinet Office serves it.
_ANSWERED_BY = {"PM": "CO"}
_PARLIAMENT = "LHOC"


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
    """A text written for the project: its areas (none: out of scope), the first its main one.

    `acceptable` areas are neither right nor wrong; `departments` may answer, the first best.
    """

    text: str
    areas: tuple[str, ...]
    departments: tuple[str, ...] = ()
    acceptable: tuple[str, ...] = ()
    register: str = "note"

    @property
    def primary(self) -> str | None:
        """The main area."""
        return self.areas[0] if self.areas else None


@dataclass(frozen=True, slots=True)
class Petition:
    """A petition for development: any of `departments` is right; areas where it was labelled."""

    text: str
    departments: tuple[str, ...]
    areas: tuple[str, ...] = ()
    acceptable: tuple[str, ...] = ()
    primary: str | None = None

    @property
    def served(self) -> bool:
        """Whether a department answers it: some petitions are Parliament's own matter."""
        return set(self.departments) != {_PARLIAMENT}


@dataclass(frozen=True, slots=True)
class Hints:
    """The reviewable mapping of headings and words to areas.

    `subjects` maps a heading, or its part before the first colon, and `qualifiers` its later
    parts; `near` maps whole headings of the tail by their neighbours; `keywords` are words or
    pairs of words as people write them.
    """

    subjects: Mapping[str, frozenset[str]]
    qualifiers: Mapping[str, frozenset[str]]
    keywords: Mapping[str, tuple[str, ...]]
    near: Mapping[str, str] = field(default_factory=dict)

    def by_hand(self) -> "Hints":
        """What people mapped, without the neighbours."""
        return replace(self, near={})


@dataclass(frozen=True, slots=True)
class Corpus:
    """All that a run needs; petitions are for thresholds and scores, never for fitting."""

    questions: tuple[Question, ...]
    own_texts: tuple[OwnText, ...]
    petitions: tuple[Petition, ...]
    hints: Hints
    sources: Mapping[str, Any]


def data_folder(arguments: Sequence[str]) -> Path:
    """The folder that is named first in `arguments`, or in the environment, or the usual one."""
    named = os.environ.get("FRONTLINE_TRAINING_DATA", _DEFAULT_DATA)
    return Path(arguments[0] if arguments else named)


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
    petitions = tuple(_petitions(folder))
    return Corpus(
        questions=questions,
        own_texts=own_texts,
        petitions=petitions,
        hints=read_hints(),
        sources={
            "questions": _source(folder / QUESTIONS, len(questions)),
            "petitions": _source(folder / PETITIONS, len(petitions)),
            "petitions_areas": _source(folder / PETITION_AREAS),
            "own_texts": _source_of_texts(OWN_TEXTS, own_texts),
            "headings": _source(_HERE / "headings.json"),
            "headings_near": _source(HEADINGS_NEAR),
            "keywords": _source(_HERE / "keywords.json"),
        },
    )


def read_own_texts(written_for: str = "training", folder: Path = OWN_TEXTS) -> Iterator[OwnText]:
    """Reads the texts that were written for training, or for another purpose, and ship with it."""
    for path in sorted(folder.glob("*.jsonl")):
        for row in _lines(path.read_text(encoding="utf-8")):
            if row["written_for"] != written_for:
                raise ValueError(f"{path.name}: {row['id']} is not marked as for {written_for}")
            yield OwnText(
                text=row["text"],
                areas=tuple(row["areas"]),
                departments=tuple(row.get("departments", ())),
                acceptable=tuple(row.get("acceptable", ())),
                register=path.stem,
            )


def read_hints() -> Hints:
    """Reads the mapping that ships with training."""
    headings = json.loads((_HERE / "headings.json").read_text(encoding="utf-8"))
    keywords = json.loads((_HERE / "keywords.json").read_text(encoding="utf-8"))["keywords"]
    near = json.loads(HEADINGS_NEAR.read_text(encoding="utf-8"))["headings"]
    return Hints(
        subjects=_inverted(headings["subjects"]),
        qualifiers=_inverted(headings["qualifiers"]),
        keywords={area: tuple(words) for area, words in keywords.items()},
        near={heading.lower(): found["area"] for heading, found in near.items()},
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


def _source_of_texts(folder: Path, texts: Sequence[OwnText]) -> dict[str, Any]:
    """Own texts by register, and one hash over all files."""
    whole = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.jsonl"))))
    return {
        "folder": folder.name,
        "sha256": whole.hexdigest(),
        "rows": len(texts),
        "registers": dict(sorted(Counter(text.register for text in texts).items())),
    }


def _source(path: Path, rows: int | None = None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    return described if rows is None else {**described, "rows": rows}
