"""Decides what a text is about: policy areas with probability and reasons, or an abstention."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.tagging import Abstention, Reader, Tagging
from services.classifier.deciding import decide
from services.classifier.fast import FastReader, Weighed, Words
from services.classifier.judging import Judged, best_of, log_odds, sigmoid, softmax, sureness
from services.classifier.language import unread_language
from services.classifier.model import Floats, Judgement, Model, UnreadableModel
from services.classifier.passages import Span, passages_of
from services.classifier.reading import PassageReader, ReadPassage, whole_of
from services.classifier.reasons import choose_reasons, reasons_in
from services.classifier.words import clean
from services.routing.ranking import Ranking
from services.routing.rulebook import Rules

_MIN_WORDS = 4
_MIN_KNOWN_TERMS = 2
_AREA_CANDIDATES = 10
_DEPARTMENT_CANDIDATES = 5
_SMALLEST_CONTRIBUTION = 0.005
_LOOKED_AT_FOR_REASONS = 24
_WORTH_OF_PASSAGE = np.float32(0.9)
_AT_ONCE = 64  # texts; what the careful reader saw in them is kept until their reasons are found


@dataclass(frozen=True, slots=True)
class _Text:
    """A text on its way: its passages in characters and cleaned, its words, what was read."""

    spans: Sequence[Span]
    cleaned: Sequence[str]
    words: Words
    abstained: Abstention | None
    unread_language: str | None
    read: Sequence[ReadPassage] = ()


class Tagger:
    """Tags texts with one model; pure computation, no input or output after construction."""

    def __init__(self, model: Model, rules: Rules, careful: PassageReader | None = None) -> None:
        """`careful` reads what the fast reader is not sure of; without it that one reads alone.

        Raises `UnreadableModel` when the rules do not know an area of the model.
        """
        unknown = sorted(set(model.areas) - rules.areas.keys())
        if unknown:
            raise UnreadableModel(
                f"model {model.version} has areas without rules ({', '.join(unknown)}); "
                "train it for this vocabulary"
            )
        self._model = model
        self._fast = FastReader(model.fast)
        self.careful = careful if model.together is not None else None
        self._ranking = Ranking(model.departments, model.areas, rules)

    @property
    def model(self) -> Model:
        """The model that it tags with."""
        return self._model

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
        pairs = list(zip(texts, languages or repeat("en"), strict=False))
        return [
            tagging
            for start in range(0, len(pairs), _AT_ONCE)
            for tagging in self._tag_some(
                [self._look(*each) for each in pairs[start : start + _AT_ONCE]]
            )
        ]

    def _tag_some(self, texts: list[_Text]) -> list[Tagging]:
        judged = self._judge(texts, self._model.alone)
        unsure = self._unsure(texts, judged)
        if unsure and self.careful is not None and self._model.together is not None:
            for at in unsure:
                texts[at] = replace(texts[at], read=self.careful.read(texts[at].cleaned))
            again = self._judge([texts[at] for at in unsure], self._model.together)
            judged.put(unsure, again)
        best_departments = best_of(judged.ranking, _DEPARTMENT_CANDIDATES).tolist()
        best_areas = best_of(judged.areas, _AREA_CANDIDATES).tolist()
        areas = judged.areas.astype(np.float64).round(4).tolist()
        ranking = judged.ranking.astype(np.float64).round(4).tolist()
        scores = log_odds(np.column_stack([judged.areas, judged.out_of_scope])).tolist()
        return [
            self._tagging(
                text,
                areas=areas[at],
                best_areas=best_areas[at],
                ranking=ranking[at],
                best_departments=best_departments[at],
                scores=scores[at],
                out_of_scope=float(judged.out_of_scope[at]),
                best_passage=judged.best_passage[at],
            )
            for at, text in enumerate(texts)
        ]

    def _look(self, text: str, language: str) -> _Text:
        spans = passages_of(text)
        cleaned = [clean(text[start:end]) for start, end in spans]
        words = self._fast.look_up(cleaned)
        unread = unread_language(text, words.words, language, self._fast.knows)
        refused = Abstention.LANGUAGE if unread else self._refuse(words)
        return _Text(spans, cleaned, words, refused, unread)

    def _refuse(self, words: Words) -> Abstention | None:
        if len(words.words) < _MIN_WORDS or len(words.whole.rows) < _MIN_KNOWN_TERMS:
            return Abstention.TOO_SHORT
        return None

    def _unsure(self, texts: Sequence[_Text], judged: Judged) -> list[int]:
        """The texts that are worth a careful reading: those not sure, and long ones, in which a
        sure first issue says nothing of a second.
        """
        sure = sureness(judged.areas, judged.ranking, judged.out_of_scope)
        below = self._model.thresholds.careful_below
        return [
            at
            for at, text in enumerate(texts)
            if text.abstained is None and (sure[at] < below or (below and text.words.passages))
        ]

    def _judge(self, texts: Sequence[_Text], judgement: Judgement) -> Judged:
        split, scope = len(self._model.areas), self._model.columns - 1
        fast = self._fast.score([text.words.whole for text in texts])
        read = [whole_of(text.read) for text in texts if text.read]
        odds = judgement.judge(fast, np.stack(read) if read else None)
        areas = sigmoid(odds[:, :split])
        best_passage = np.full(areas.shape, -1, dtype=np.int64)
        for at, text in enumerate(texts):
            if text.words.passages:
                of_passages = self._judge_passages(text, judgement)
                best = of_passages.argmax(axis=0)
                worth = _WORTH_OF_PASSAGE * of_passages.max(axis=0)
                best_passage[at] = np.where(worth > areas[at], best, -1)
                np.maximum(areas[at], worth, out=areas[at])
        ranking = self._ranking.mix(softmax(odds[:, split:scope]), areas)
        return Judged(areas, ranking, sigmoid(odds[:, scope]), best_passage)

    def _judge_passages(self, text: _Text, judgement: Judgement) -> Floats:
        """Probabilities (passages, areas)."""
        fast = self._fast.score(text.words.passages)
        read = np.stack([each.scores for each in text.read]) if text.read else None
        return sigmoid(judgement.judge(fast, read)[:, : len(self._model.areas)])

    def _tagging(
        self,
        text: _Text,
        *,
        areas: list[float],
        best_areas: list[int],
        ranking: list[float],
        best_departments: list[int],
        scores: list[float],
        out_of_scope: float,
        best_passage: NDArray[np.int64],
    ) -> Tagging:
        model = self._model
        thresholds = model.thresholds
        tagged, abstained = (
            ([], text.abstained)
            if text.abstained
            else decide(model.areas, areas, out_of_scope, thresholds)
        )
        return Tagging.model_validate(
            {
                "areas": [self._tag(text, at, areas[at], int(best_passage[at])) for at in tagged],
                "abstained": abstained,
                "candidates": [
                    {"area": model.areas[at], "probability": areas[at]} for at in best_areas
                ],
                "department_candidates": [
                    {"department": model.departments[at], "probability": ranking[at]}
                    for at in best_departments
                ],
                "scores": scores,
                "unread_language": text.unread_language,
                "reader": Reader.CAREFUL if text.read else Reader.FAST,
                "model_version": model.version,
                "vocabulary_version": model.vocabulary_version,
                "threshold_version": thresholds.version,
            }
        )

    def _tag(self, text: _Text, area: int, probability: float, passage: int) -> dict[str, Any]:
        tag: dict[str, Any] = {
            "area": self._model.areas[area],
            "probability": probability,
            "reasons": self._reasons(text, area, passage),
        }
        if passage >= 0:
            start, end = text.spans[passage]
            tag["passage"] = {"start": start, "end": end}
        return tag

    def _reasons(self, text: _Text, area: int, passage: int) -> tuple[str, ...]:
        """From both readers where both read, in the passage that decided or spoke most."""
        weighed = text.words.passages[passage] if passage >= 0 else text.words.whole
        if text.read and self._model.together is not None:
            found = self._reasons_of_both(text, area, passage, weighed, self._model.together)
            if found:
                return found
        terms = self._fast.spoke_for(
            weighed, area, most=_LOOKED_AT_FOR_REASONS, smallest=_SMALLEST_CONTRIBUTION
        )
        return choose_reasons(terms, text.words.words, text.words.stems)

    def _reasons_of_both(
        self, text: _Text, area: int, passage: int, weighed: Weighed, judgement: Judgement
    ) -> tuple[str, ...]:
        """Each word by what it brought to the judgement, beyond what it brings to any area."""
        at = passage
        if at < 0:
            at = int(np.argmax([each.scores[area] for each in text.read]))
        read = text.read[at]
        areas = read.parts[:, : len(self._model.areas)]
        parts = (areas[:, area] - areas.mean(axis=1)) / len(areas) * judgement.careful[area]
        by_stem = {
            stem: part * float(judgement.fast[area])
            for stem, part in self._fast.brought_by_stem(weighed, area).items()
        }
        return reasons_in(text.cleaned[at], read.spans, parts, by_stem)
