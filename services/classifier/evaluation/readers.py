"""Compares the readers, each alone and both together, on the same texts in the same folds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from services.classifier.evaluation.measures import Answers, share, shown
from services.classifier.evaluation.sets import Sets
from services.classifier.judging import sigmoid, softmax
from services.classifier.model import Floats, Judgement
from services.classifier.training.calibrating import Calibration, Readers, folds, score_texts
from services.classifier.training.frame import Frame
from services.classifier.training.stacking import Scored, fit_judgement


@dataclass(frozen=True, eq=False)
class _Guesses:
    """The first area and the first department (texts,) of a reading."""

    areas: Sequence[str]
    departments: Sequence[str]


def compare_readers(
    readers: Readers, calibration: Calibration, sets: Sets, frame: Frame
) -> dict[str, dict[str, Any]]:
    """First area and first department right, by reader, on petitions, questions, observations.

    Long texts are read whole here: passages are left to the pipeline's own figures.
    """
    questions = score_texts(readers, [each.text for each in sets.questions])
    observations = score_texts(readers, [each.text for each in sets.observations])
    found = {}
    for name in ("fast", "careful", "both"):
        judgement = fit_judgement(_by(name, calibration.scored), frame.ranking)
        found[name] = {
            **_of_petitions(name, calibration, sets, frame),
            "questions_first_department": _right(
                _guess(judgement, *_only(name, questions), frame).departments,
                [(each.department,) for each in sets.questions],
            ),
            **_of_observations(_guess(judgement, *_only(name, observations), frame), sets),
        }
    return found


def _of_petitions(
    name: str, calibration: Calibration, sets: Sets, frame: Frame
) -> dict[str, list[float]]:
    areas: dict[int, str] = {}
    departments: dict[int, str] = {}
    scored = _by(name, calibration.scored)
    for rows in folds(len(sets.petitions)):
        judgement = fit_judgement(_by(name, calibration.without(rows).scored), frame.ranking)
        part = scored.take(np.array(rows))
        guesses = _guess(judgement, part.fast, part.careful, frame)
        areas |= dict(zip(rows, guesses.areas, strict=True))
        departments |= dict(zip(rows, guesses.departments, strict=True))
    served = [at for at, each in enumerate(sets.petitions) if each.served]
    labelled = [at for at, each in enumerate(sets.petitions) if each.areas]
    petitions = sets.petitions
    return {
        "petitions_first_department": _right(
            [departments[at] for at in served], [petitions[at].departments for at in served]
        ),
        "petitions_first_area": _right(
            [areas[at] for at in labelled],
            [(*petitions[at].areas, *petitions[at].acceptable) for at in labelled],
        ),
    }


def _of_observations(guesses: _Guesses, sets: Sets) -> dict[str, list[float]]:
    return {
        "observations_first_department": _right(
            guesses.departments, [each.departments for each in sets.observations]
        ),
        "observations_first_area": _right(
            guesses.areas, [(*each.areas, *each.acceptable) for each in sets.observations]
        ),
    }


def _by(name: str, scored: Scored) -> Scored:
    """The scores of one reader or of both; a silent reader scores nought."""
    fast, careful = _only(name, (scored.fast, scored.careful))
    return replace(scored, fast=fast, careful=careful)


def _only(name: str, scores: tuple[Floats, Floats | None]) -> tuple[Floats, Floats | None]:
    fast, careful = scores
    return np.zeros_like(fast) if name == "careful" else fast, None if name == "fast" else careful


def _guess(judgement: Judgement, fast: Floats, careful: Floats | None, frame: Frame) -> _Guesses:
    odds = judgement.judge(fast, careful)
    split = len(frame.areas)
    areas = sigmoid(odds[:, :split])
    ranking = frame.ranking.mix(softmax(odds[:, split:-1]), areas)
    return _Guesses(
        [frame.areas[at] for at in areas.argmax(axis=1)],
        [frame.answering[at] for at in ranking.argmax(axis=1)],
    )


def _right(guesses: Sequence[str], answers: Answers) -> list[float]:
    return share(
        [guess in answer for guess, answer in zip(guesses, answers, strict=True)]
    ).as_json()


def table_of_readers(found: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Rows for a report: a figure and its value for each reader."""
    figures = list(next(iter(found.values())))
    return [
        (figure.replace("_", " "), *(shown(by[figure]) for by in found.values()))
        for figure in figures
    ]
