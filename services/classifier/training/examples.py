"""The examples that both readers learn from: texts with what is known of each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.classifier.training.corpus import OwnText, Question
from services.classifier.training.supervision import Labels

UNKNOWN = -1

_ENUMERATOR = re.compile(r"\((?:[a-z]|[ivx]+)\)\s*")

Marks = NDArray[np.int8]
Shares = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Examples:
    """Texts (n) with what is known of them.

    `areas` is (n, areas) and `out_of_scope` (n,): 1 yes, 0 no, -1 not known. `departments` is
    (n, departments): shares of a text's right departments; a row of zeros where none is known.
    """

    texts: tuple[str, ...]
    areas: Marks
    departments: Shares
    out_of_scope: Marks
    weights: Shares

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: NDArray[np.int64]) -> "Examples":
        """The examples at `rows`, in that order."""
        return Examples(
            tuple(self.texts[row] for row in rows),
            self.areas[rows],
            self.departments[rows],
            self.out_of_scope[rows],
            self.weights[rows],
        )


def joined(parts: Sequence[Examples]) -> Examples:
    """All parts as one."""
    return Examples(
        tuple(text for part in parts for text in part.texts),
        np.concatenate([part.areas for part in parts]),
        np.concatenate([part.departments for part in parts]),
        np.concatenate([part.out_of_scope for part in parts]),
        np.concatenate([part.weights for part in parts]),
    )


def examples_of_questions(
    questions: Sequence[Question], labels: Labels, departments: Sequence[str]
) -> Examples:
    """Question texts with their weak areas and the department that answered.

    A question without any weak area says nothing about areas.
    """
    return Examples(
        tuple(plain(question.text) for question in questions),
        np.where(labels.any(axis=1, keepdims=True), labels, UNKNOWN).astype(np.int8),
        shares([(question.department,) for question in questions], departments),
        np.zeros(len(questions), dtype=np.int8),
        np.ones(len(questions), dtype=np.float32),
    )


def examples_of_headings(
    questions: Sequence[Question], areas: int, departments: Sequence[str]
) -> Examples:
    """Headings as texts of their own, for the departments alone: they are few clear words."""
    headed = [question for question in questions if question.heading]
    return Examples(
        tuple(question.heading for question in headed),
        np.full((len(headed), areas), UNKNOWN, dtype=np.int8),
        shares([(question.department,) for question in headed], departments),
        np.full(len(headed), UNKNOWN, dtype=np.int8),
        np.ones(len(headed), dtype=np.float32),
    )


def examples_of_own_texts(
    texts: Sequence[OwnText],
    areas: Sequence[str],
    departments: Sequence[str],
    leads: Mapping[str, str],
    weight: float = 1.0,
) -> Examples:
    """Texts written for the project; without a department of their own, the first area's lead."""
    column = {area: at for at, area in enumerate(areas)}
    marks = np.zeros((len(texts), len(areas)), dtype=np.int8)
    for row, text in enumerate(texts):
        marks[row, [column[area] for area in text.acceptable]] = UNKNOWN
        marks[row, [column[area] for area in text.areas]] = 1
    right = [text.departments or tuple(leads[area] for area in text.areas[:1]) for text in texts]
    return Examples(
        tuple(text.text for text in texts),
        marks,
        shares(right, departments),
        np.array([not text.areas for text in texts], dtype=np.int8),
        np.full(len(texts), weight, dtype=np.float32),
    )


def shares(right: Sequence[Sequence[str]], departments: Sequence[str]) -> Shares:
    """(texts, departments): the first right one counts twice; unknown codes are left out."""
    column = {code: at for at, code in enumerate(departments)}
    found = np.zeros((len(right), len(departments)), dtype=np.float32)
    for row, codes in enumerate(right):
        known = [column[code] for code in codes if code in column]
        if known:
            found[row, known] = 1 / (len(known) + 1)
            found[row, known[0]] *= 2
    return found


def plain(question: str) -> str:
    """A question as a sentence of its own, without the enumerators that Parliament adds."""
    text = _ENUMERATOR.sub("", question)
    return text[:1].upper() + text[1:]
