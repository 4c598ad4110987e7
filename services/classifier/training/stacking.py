"""Fits how both readers' scores are judged together, on texts that neither learnt from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from services.classifier.judging import sigmoid, softmax
from services.classifier.model import Floats, Judgement
from services.classifier.training.examples import Examples
from services.routing.ranking import Ranking

_STRENGTH_OF_OFFSETS = 0.5  # an area has few texts here: its own offset is drawn to that of all
_DRAW_OF_DEPARTMENTS = 2.0

Guess = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scored:
    """Examples with the raw scores (texts, columns) of the fast reader and perhaps the careful."""

    examples: Examples
    fast: Floats
    careful: Floats | None

    def take(self, rows: NDArray[np.int64]) -> "Scored":
        """The rows named, in that order."""
        return Scored(
            self.examples.take(rows),
            self.fast[rows],
            None if self.careful is None else self.careful[rows],
        )

    @property
    def readers(self) -> tuple[Floats, ...]:
        """The scores of each reader."""
        return (self.fast,) if self.careful is None else (self.fast, self.careful)


def fit_judgement(scored: Scored, ranking: Ranking) -> Judgement:
    """Gives the judgement of one reader's scores, or of both, fitted on `scored`."""
    areas = scored.examples.areas.shape[1]
    columns = scored.fast.shape[1]
    weights = np.zeros((2, columns), dtype=np.float64)
    offset = np.zeros(columns, dtype=np.float64)
    shared, offset[:areas] = _fit_areas(scored)
    weights[: len(shared), :areas] = shared[:, None]
    judged = offset[:areas] + sum(
        weight * scores[:, :areas] for weight, scores in zip(shared, scored.readers, strict=True)
    )
    brought = sigmoid(judged).astype(np.float32)
    of_departments, offset[areas:-1] = _fit_departments(scored, brought, ranking)
    weights[: len(shared), areas:-1] = of_departments[:, None]
    of_scope, offset[-1] = _fit_scope(scored)
    weights[: len(shared), -1] = of_scope
    return Judgement(*(each.astype(np.float32) for each in (weights[0], weights[1], offset)))


def _fit_areas(scored: Scored) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One weight for each reader, shared by all areas, and an offset for each area."""
    marks = scored.examples.areas
    count = marks.shape[1]
    rows, columns = np.nonzero(marks >= 0)
    features = [scores[rows, columns, None] for scores in scored.readers]
    own = np.zeros((len(rows), count), dtype=np.float32)
    own[np.arange(len(rows)), columns] = _STRENGTH_OF_OFFSETS
    line = LogisticRegression(C=1.0, max_iter=1_000).fit(
        np.hstack([*features, own]),
        marks[rows, columns],
        sample_weight=scored.examples.weights[rows],
    )
    split = len(features)
    coefficients = line.coef_[0]
    offsets = line.intercept_[0] + _STRENGTH_OF_OFFSETS * coefficients[split:]
    return np.maximum(coefficients[:split], 0.0), offsets


def _fit_departments(
    scored: Scored, areas: Floats, ranking: Ranking
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One weight for each reader and an offset for each department, as the ranking mixes them."""
    first = areas.shape[1]
    right = scored.examples.departments > 0
    known = np.flatnonzero(right.any(axis=1))
    parts = np.stack([scores[known, first:-1] for scores in scored.readers]).astype(np.float64)
    right, areas = right[known], areas[known]
    weights = scored.examples.weights[known].astype(np.float64)

    split = len(parts)
    brought = (1 - ranking.wording) * ranking.brought(areas)

    def surprise(guess: Guess) -> tuple[float, Guess]:
        odds = np.tensordot(guess[:split], parts, axes=1) + guess[split:]
        evidence = softmax(odds)
        hit = (evidence * right).sum(axis=1, keepdims=True)
        missed = ranking.wording * hit + (brought * right).sum(axis=1, keepdims=True) + 1e-6
        slope = -(ranking.wording / missed) * evidence * (right - hit) * weights[:, None]
        pull = 2 * _DRAW_OF_DEPARTMENTS * guess[split:]
        gradient = np.concatenate(
            [np.tensordot(parts, slope, axes=([1, 2], [0, 1])), slope.sum(axis=0) + pull]
        )
        loss = float(-(np.log(missed[:, 0]) * weights).sum())
        return loss + float(_DRAW_OF_DEPARTMENTS * (guess[split:] ** 2).sum()), gradient

    start = np.concatenate([np.full(split, 2.0 / split), np.zeros(right.shape[1])])
    found = minimize(surprise, start, jac=True, method="L-BFGS-B")
    return np.maximum(found.x[:split], 0.0), found.x[split:]


def _fit_scope(scored: Scored) -> tuple[NDArray[np.float64], float]:
    known = scored.examples.out_of_scope >= 0
    marks = scored.examples.out_of_scope[known]
    if len(np.unique(marks)) < 2:
        return np.zeros(len(scored.readers)), -12.0
    features = np.column_stack([scores[known, -1] for scores in scored.readers])
    line = LogisticRegression(C=1.0).fit(features, marks)
    return np.maximum(line.coef_[0], 0.0), float(line.intercept_[0])
