"""Decides what a score is worth as a probability, and from which probability an area is tagged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from services.classifier.model import Floats
from services.classifier.training.corpus import Petition
from services.classifier.training.recipe import Recipe
from services.classifier.training.supervision import Labels

_GRID = np.round(np.arange(0.1, 0.81, 0.02), 2)
_TEMPERATURES = np.round(np.arange(1.0, 12.1, 0.25), 2)
_MIN_POSITIVES = 8
_COST_OF_ACCEPTABLE = 0.5


@dataclass(frozen=True, eq=False)
class Calibration:
    """Platt's two numbers for each area, and one temperature for all departments."""

    slopes: Floats
    offsets: Floats
    temperature: float

    def areas(self, scores: Floats) -> Floats:
        """Probabilities (texts, areas) from the areas' scores."""
        probabilities: Floats = 1 / (1 + np.exp(-(self.slopes * scores + self.offsets)))
        return probabilities


def calibrate(
    area_scores: Floats,
    labels: Labels,
    department_scores: Floats,
    answered: NDArray[np.int64],
) -> Calibration:
    """Fits on questions that the heads have not seen; `answered` are the departments' columns.

    An area with too few of them takes the numbers of all areas together.
    """
    shared = _platt(area_scores.ravel(), labels.ravel())
    each = [
        _platt(area_scores[:, at], labels[:, at])
        if labels[:, at].sum() >= _MIN_POSITIVES
        else shared
        for at in range(labels.shape[1])
    ]
    return Calibration(
        slopes=np.array([slope for slope, _ in each], dtype=np.float32),
        offsets=np.array([offset for _, offset in each], dtype=np.float32),
        temperature=_temperature(department_scores, answered),
    )


def _platt(scores: Floats, is_area: Labels) -> tuple[float, float]:
    if not is_area.any() or is_area.all():
        return 4.0, 0.0
    line = LogisticRegression(C=100.0).fit(scores.reshape(-1, 1), is_area)
    return float(line.coef_[0, 0]), float(line.intercept_[0])


def _temperature(scores: Floats, answered: NDArray[np.int64]) -> float:
    rows = np.arange(len(answered))

    def surprise(temperature: float) -> float:
        logits = temperature * scores
        logits = logits - logits.max(axis=1, keepdims=True)
        return float((np.log(np.exp(logits).sum(axis=1)) - logits[rows, answered]).mean())

    return float(min(_TEMPERATURES, key=surprise))


def choose_thresholds(
    probabilities: Floats, petitions: Sequence[Petition], areas: Sequence[str], recipe: Recipe
) -> tuple[Floats, float]:
    """Gives a threshold per area and the lower one for a text's first area.

    Each area's own best is drawn towards the best for all, the more so the fewer petitions it has:
    200 petitions are few for 58 areas. A tag that is acceptable costs half of a wrong one.
    """
    gold = np.array([[area in each.areas for area in areas] for each in petitions])
    fair = np.array([[area in each.acceptable for area in areas] for each in petitions])
    overall = float(max(_GRID, key=lambda at: _f1(probabilities >= at, gold, fair)))
    chosen = []
    for column in range(len(areas)):
        positives = int(gold[:, column].sum())
        own = _best_threshold(
            probabilities[:, [column]], gold[:, [column]], fair[:, [column]], overall
        )
        prior = recipe.threshold_prior
        chosen.append((positives * own + prior * overall) / (positives + prior))
    first_at = recipe.first_at_share * overall
    return np.array(chosen, dtype=np.float32), first_at


def _best_threshold(probabilities: Floats, gold: Labels, fair: Labels, overall: float) -> float:
    """The threshold of one area; the nearest to the best for all areas wins among equals."""
    return float(
        max(_GRID, key=lambda at: (_f1(probabilities >= at, gold, fair), -abs(at - overall)))
    )


def _f1(tagged: Labels, gold: Labels, fair: Labels) -> float:
    right = float((tagged & gold).sum())
    wrong = (tagged & ~gold & ~fair).sum() + _COST_OF_ACCEPTABLE * (tagged & fair & ~gold).sum()
    missed = float((gold & ~tagged).sum())
    return 2 * right / max(1.0, 2 * right + float(wrong) + missed)
