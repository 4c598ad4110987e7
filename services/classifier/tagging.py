"""Decides what a text is about: policy areas with probability and reasons, or an abstention."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.tagging import Abstention, Tagging
from services.classifier.language import is_read
from services.classifier.model import Floats, Model, UnreadableModel
from services.classifier.reasons import choose_reasons
from services.classifier.words import stem_of, terms_from, words_in
from services.routing.ranking import Ranking
from services.routing.rulebook import Rules

MAX_AREAS = 5

_MIN_WORDS = 4
_MIN_KNOWN_TERMS = 2
_AREA_CANDIDATES = 10
_DEPARTMENT_CANDIDATES = 5
_SMALLEST_CONTRIBUTION = 0.005
_LOOKED_AT_FOR_REASONS = 24
_PASSAGE = 60
_WORTH_OF_PASSAGE = np.float32(0.9)
Probabilities = NDArray[np.float64]

_LOGARITHMS = 1 + np.log(np.arange(1, 1025, dtype=np.float32))


@dataclass(frozen=True, slots=True)
class _Weighed:
    """The known terms of a text or passage: their rows in the model and their weights."""

    rows: NDArray[np.int64]
    values: Floats


@dataclass(frozen=True, slots=True)
class _Reading:
    """A text's words, a stem for each (empty where it does not count), whole and by passages."""

    words: Sequence[str]
    stems: Sequence[str]
    whole: _Weighed
    passages: Sequence[_Weighed]
    abstained: Abstention | None


class Tagger:
    """Tags texts with one model; pure computation, no input or output after construction.

    About 0.2 ms for a text of 80 words, in batches; at most a few milliseconds for the longest.
    """

    def __init__(self, model: Model, rules: Rules) -> None:
        """Raises `UnreadableModel` when the rules do not know an area of the model."""
        unknown = sorted(set(model.areas) - rules.areas.keys())
        if unknown:
            raise UnreadableModel(
                f"model {model.version} has areas without rules ({', '.join(unknown)}); "
                "train it for this vocabulary"
            )
        self._model = model
        self._row_of = {term: row for row, term in enumerate(model.terms)}
        self._ranking = Ranking(model.departments, model.areas, rules)
        self._split = len(model.areas)

    @property
    def version(self) -> str:
        """The model's version, which goes with every tag."""
        return self._model.version

    def tag(self, text: str, language: str = "en") -> Tagging:
        """Tags one text; `language` is the tag that came with it."""
        return self.tag_many([text], [language])[0]

    def tag_many(
        self, texts: Sequence[str], languages: Sequence[str] | None = None
    ) -> list[Tagging]:
        """Tags texts in their order; the same result for a text whatever stands beside it."""
        if not texts:
            return []
        readings = [
            self._read(text, language)
            for text, language in zip(texts, languages or repeat("en"), strict=False)
        ]
        areas, ranking = self._probabilities(readings)
        best_areas = _best(areas, _AREA_CANDIDATES)
        best_departments = _best(ranking, _DEPARTMENT_CANDIDATES)
        return [
            self._tagging(reading, *figures)
            for reading, *figures in zip(
                readings,
                areas.tolist(),
                best_areas.tolist(),
                ranking.tolist(),
                best_departments.tolist(),
                strict=True,
            )
        ]

    def _read(self, text: str, language: str) -> _Reading:
        words = words_in(text)
        stems = list(map(stem_of, words))
        counted = list(filter(None, stems))
        whole = self._weigh(counted)
        refused = self._refuse(text, words, len(whole.rows), language)
        passages = [] if refused else [self._weigh(each) for each in passages_of(counted)]
        return _Reading(words, stems, whole, passages, refused)

    def _weigh(self, stems: Sequence[str]) -> _Weighed:
        counts = Counter(map(self._row_of.get, terms_from(stems)))
        counts.pop(None, None)
        rows = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
        times = np.fromiter(counts.values(), dtype=np.int64, count=len(counts))
        values = _LOGARITHMS[np.minimum(times, len(_LOGARITHMS)) - 1] * self._model.idf[rows]
        if counts:
            values /= np.sqrt(values @ values)
        return _Weighed(rows, values)

    def _refuse(
        self, text: str, words: Sequence[str], known_terms: int, language: str
    ) -> Abstention | None:
        if not is_read(text, words, language, self._row_of.__contains__):
            return Abstention.LANGUAGE
        if len(words) < _MIN_WORDS or known_terms < _MIN_KNOWN_TERMS:
            return Abstention.TOO_SHORT
        return None

    def _probabilities(self, readings: Sequence[_Reading]) -> tuple[Probabilities, Probabilities]:
        """Gives (texts, areas) and (texts, departments), the latter as the rules rank them."""
        scores = self._score([reading.whole for reading in readings])
        areas = self._area_probabilities(scores)
        for each, reading in enumerate(readings):
            if reading.passages:
                by_passage = self._area_probabilities(self._score(reading.passages))
                np.maximum(areas[each], _WORTH_OF_PASSAGE * by_passage.max(axis=0), out=areas[each])
        evidence = np.float32(self._model.temperature) * scores[:, self._split :]
        evidence = np.exp(evidence - evidence.max(axis=1, keepdims=True))
        evidence /= evidence.sum(axis=1, keepdims=True)
        ranking = self._ranking.mix(evidence, areas)
        return areas.astype(np.float64).round(4), ranking.astype(np.float64).round(4)

    def _score(self, weighed: Sequence[_Weighed]) -> Floats:
        scores = np.empty((len(weighed), len(self._model.bias)), dtype=np.float32)
        for each, one in enumerate(weighed):
            np.dot(one.values, self._model.weights.take(one.rows, axis=0), out=scores[each])
        scores += self._model.bias
        return scores

    def _area_probabilities(self, scores: Floats) -> Floats:
        logits = self._model.slopes * scores[:, : self._split] + self._model.offsets
        with np.errstate(over="ignore"):
            probabilities: Floats = 1 / (1 + np.exp(-logits))
        return probabilities

    def _tagging(
        self,
        reading: _Reading,
        areas: list[float],
        best_areas: list[int],
        ranking: list[float],
        best_departments: list[int],
    ) -> Tagging:
        model = self._model
        tagged = [] if reading.abstained else self._over_threshold(areas, best_areas)
        return Tagging.model_validate(
            {
                "areas": list(self._tags(reading, areas, tagged)),
                "abstained": None if tagged else reading.abstained or Abstention.NO_AREA,
                "candidates": [
                    {"area": model.areas[at], "probability": areas[at]} for at in best_areas
                ],
                "department_candidates": [
                    {"department": model.departments[at], "probability": ranking[at]}
                    for at in best_departments
                ],
                "model_version": model.version,
                "vocabulary_version": model.vocabulary_version,
            }
        )

    def _over_threshold(self, areas: list[float], best: list[int]) -> list[int]:
        thresholds, first_at = self._model.thresholds, self._model.first_at
        over = [at for at in best[:MAX_AREAS] if areas[at] >= thresholds[at]]
        if not over and areas[best[0]] >= first_at:
            return best[:1]
        return over

    def _tags(
        self, reading: _Reading, areas: list[float], tagged: list[int]
    ) -> Iterator[dict[str, Any]]:
        for at in tagged:
            terms = self._contributing_terms(reading, at)
            yield {
                "area": self._model.areas[at],
                "probability": areas[at],
                "reasons": choose_reasons(terms, reading.words, reading.stems),
            }

    def _contributing_terms(self, reading: _Reading, area: int) -> list[str]:
        """The terms that spoke most for the area, the strongest first."""
        parts = reading.whole.values * self._model.weights[reading.whole.rows, area]
        strongest = (-parts).argsort(kind="stable")[:_LOOKED_AT_FOR_REASONS]
        rows = reading.whole.rows[strongest[parts[strongest] >= _SMALLEST_CONTRIBUTION]]
        return [self._model.terms[row] for row in rows.tolist()]


def passages_of(stems: Sequence[str]) -> list[Sequence[str]]:
    """Overlapping passages of a long text, so that a second issue is not drowned by the first."""
    if len(stems) <= _PASSAGE * 3 // 2:
        return []
    starts = range(0, len(stems) - _PASSAGE // 2, _PASSAGE // 2)
    return [stems[start : start + _PASSAGE] for start in starts]


def _best(probabilities: Probabilities, count: int) -> NDArray[np.int64]:
    """Column numbers of the largest values of each row; the earlier column wins a tie."""
    return np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
