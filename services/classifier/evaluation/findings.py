"""What a report shows beside the scores: reliability, areas one by one, confusions, coverage."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.tagging import Tagging
from services.classifier.evaluation.measures import Labelled, reliability

_CONFUSIONS = 20
_POINTS = 40


@dataclass(frozen=True, slots=True)
class AreaFinding:
    """How one area is tagged: texts that are about it, tags given, and tags that are right."""

    area: str
    texts: int
    tagged: int
    right: int

    @property
    def precision(self) -> float | None:
        """The share of its tags that are right or acceptable."""
        return self.right / self.tagged if self.tagged else None


@dataclass(frozen=True, eq=False)
class Findings:
    """Tables and curves over labelled texts. `coverage` is (share tagged, precision) by point."""

    reliability: Sequence[dict[str, float]]
    areas: Sequence[AreaFinding]
    recall: dict[str, float | None]
    confusions: Sequence[tuple[str, str, int]]
    coverage: Sequence[tuple[float, float]]


def findings(taggings: Sequence[Tagging], labelled: Sequence[Labelled]) -> Findings:
    """Finds them over texts with at least one right area."""
    pairs = [pair for pair in zip(taggings, labelled, strict=True) if pair[1].areas]
    first = [
        (tagging.candidates[0], each.areas, (*each.areas, *each.acceptable))
        for tagging, each in pairs
    ]
    return Findings(
        reliability=reliability(
            [candidate.probability for candidate, _, _ in first],
            [candidate.area in allowed for candidate, _, allowed in first],
        ),
        areas=_by_area(pairs),
        recall=_recall(pairs),
        confusions=_confusions(first),
        coverage=_coverage(first),
    )


def _by_area(pairs: Sequence[tuple[Tagging, Labelled]]) -> list[AreaFinding]:
    texts, tagged, right = Counter[str](), Counter[str](), Counter[str]()
    for tagging, each in pairs:
        texts.update(each.areas)
        for tag in tagging.areas:
            tagged[tag.area] += 1
            right[tag.area] += tag.area in (*each.areas, *each.acceptable)
    return [
        AreaFinding(area, texts[area], tagged[area], right[area]) for area in sorted(texts | tagged)
    ]


def _recall(pairs: Sequence[tuple[Tagging, Labelled]]) -> dict[str, float | None]:
    """The share of the texts about an area that are tagged with it."""
    texts, found = Counter[str](), Counter[str]()
    for tagging, each in pairs:
        texts.update(each.areas)
        found.update({tag.area for tag in tagging.areas} & set(each.areas))
    return {area: found[area] / texts[area] for area in sorted(texts)}


def _confusions(first: Sequence[tuple[Any, Sequence[str], Sequence[str]]]) -> list[Any]:
    """Pairs of (main area, wrong first guess), the most frequent first."""
    wrong = Counter(
        (areas[0], candidate.area)
        for candidate, areas, allowed in first
        if candidate.area not in allowed
    )
    return [(*pair, count) for pair, count in wrong.most_common(_CONFUSIONS)]


def _coverage(
    first: Sequence[tuple[Any, Sequence[str], Sequence[str]]],
) -> list[tuple[float, float]]:
    """How right the first area is on the surest share of texts, from few texts to all."""
    order = sorted(first, key=lambda each: -each[0].probability)
    hits = np.array([candidate.area in allowed for candidate, _, allowed in order], dtype=float)
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    at = np.unique(np.linspace(1, len(hits), min(_POINTS, len(hits))).astype(int)) - 1
    return [
        (round(float((each + 1) / len(hits)), 3), round(float(precision[each]), 3)) for each in at
    ]
