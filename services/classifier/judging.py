"""What scores are worth: probabilities of areas, departments and of being out of scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.classifier.model import Floats

_MOST_LOG_ODDS = 12.0


@dataclass(frozen=True, slots=True)
class Judged:
    """Probabilities of texts: (texts, areas), (texts, departments), (texts,).

    `best_passage` is (texts, areas): the passage that decided an area, -1 for the whole.
    """

    areas: Floats
    ranking: Floats
    out_of_scope: Floats
    best_passage: NDArray[np.int64]

    def put(self, places: Sequence[int], other: "Judged") -> None:
        """Takes another judgement of the texts at `places`."""
        self.areas[places] = other.areas
        self.ranking[places] = other.ranking
        self.out_of_scope[places] = other.out_of_scope
        self.best_passage[places] = other.best_passage


def sureness(areas: Floats, ranking: Floats, out_of_scope: Floats) -> Floats:
    """How sure (texts,) a reading is: the less sure of its first area and first department."""
    sure: Floats = np.minimum(areas.max(axis=1), ranking.max(axis=1)) * (1 - out_of_scope)
    return sure


def sigmoid(odds: NDArray[Any]) -> NDArray[Any]:
    """Probabilities from log-odds, as exact as these."""
    with np.errstate(over="ignore"):
        probabilities: NDArray[Any] = 1 / (1 + np.exp(-odds))
    return probabilities


def softmax(odds: NDArray[Any]) -> NDArray[Any]:
    """Probabilities (n, choices) that sum to 1 in each row, as exact as `odds`."""
    powers = np.exp(odds - odds.max(axis=1, keepdims=True))
    probabilities: NDArray[Any] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def log_odds(probabilities: Floats) -> NDArray[np.float64]:
    """Log-odds that give the same probabilities back, to the four decimals that tags have."""
    exact = probabilities.astype(np.float64).round(4)
    with np.errstate(divide="ignore"):
        odds = np.log(exact) - np.log1p(-exact)
    return odds.clip(-_MOST_LOG_ODDS, _MOST_LOG_ODDS).round(4)


def best_of(probabilities: Floats, count: int) -> NDArray[np.int64]:
    """Column numbers of the largest values of each row; the earlier column wins a tie."""
    return np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
