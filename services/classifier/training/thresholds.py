"""Decides from which probability an area is tagged, and from which a text is out of scope."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.classifier.model import Thresholds
from services.classifier.training.recipe import Recipe

_GRID = np.round(np.arange(0.1, 0.81, 0.02), 2)
_COST_OF_ACCEPTABLE = 0.5

Yes = NDArray[np.bool_]
Probabilities = NDArray[np.float64]


class Labelled(Protocol):
    """A text with its right and acceptable areas; no right area: out of scope."""

    @property
    def areas(self) -> tuple[str, ...]: ...  # noqa: D102 - named by the class

    @property
    def acceptable(self) -> tuple[str, ...]: ...  # noqa: D102 - named by the class


def choose_thresholds(
    areas: Probabilities,
    out_of_scope: Probabilities,
    labelled: Sequence[Labelled],
    slugs: Sequence[str],
    recipe: Recipe,
) -> Thresholds:
    """Gives thresholds from the probabilities (texts, areas) and (texts,) of labelled texts.

    Each area's own best is drawn towards the best for all, the more so the fewer texts it has. A
    tag that is acceptable costs half of a wrong one. The first area, and the scope, take the
    thresholds that refuse most of what is out of scope within the shares of clear texts that the
    recipe allows to be refused.
    """
    inside = np.array([bool(each.areas) for each in labelled])
    read = [each for each in labelled if each.areas]
    gold = np.array([[area in each.areas for area in slugs] for each in read])
    fair = np.array([[area in each.acceptable for area in slugs] for each in read])
    clear = areas[inside]
    overall = float(max(_GRID, key=lambda at: _f1(clear >= at, gold, fair)))
    chosen: dict[str, float] = {}
    for column, slug in enumerate(slugs):
        positives = int(gold[:, column].sum())
        one = clear[:, [column]], gold[:, [column]], fair[:, [column]]
        own = _best_threshold(*one, overall)
        prior = recipe.threshold_prior
        chosen[slug] = round((positives * own + prior * overall) / (positives + prior), 3)
    lowest = float(np.quantile(clear.max(axis=1), recipe.clear_without_area))
    outside = float(np.quantile(out_of_scope[inside], 1 - recipe.clear_out_of_scope))
    return Thresholds(
        version=recipe.thresholds_name,
        areas=chosen,
        first_at=round(min(lowest, overall), 3),
        out_of_scope_at=round(max(outside, 0.5), 3),
        careful_below=recipe.careful_below,
    )


def _best_threshold(probabilities: Probabilities, gold: Yes, fair: Yes, overall: float) -> float:
    """The threshold of one area; the nearest to the best for all areas wins among equals."""
    return float(
        max(_GRID, key=lambda at: (_f1(probabilities >= at, gold, fair), -abs(at - overall)))
    )


def _f1(tagged: Yes, gold: Yes, fair: Yes) -> float:
    right = float((tagged & gold).sum())
    wrong = (tagged & ~gold & ~fair).sum() + _COST_OF_ACCEPTABLE * (tagged & fair & ~gold).sum()
    missed = float((gold & ~tagged).sum())
    return 2 * right / max(1.0, 2 * right + float(wrong) + missed)
