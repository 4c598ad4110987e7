"""Makes a model of two readers' weights: judgements and thresholds from texts new to both."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from services.classifier.careful import CarefulReader
from services.classifier.fast import FastReader
from services.classifier.judging import sigmoid
from services.classifier.model import CarefulWeights, FastWeights, Floats, Model
from services.classifier.passages import passages_of
from services.classifier.reading import PassageReader, whole_of
from services.classifier.training.corpus import OwnText, Petition, Question
from services.classifier.training.examples import (
    UNKNOWN,
    Examples,
    examples_of_own_texts,
    examples_of_questions,
    joined,
)
from services.classifier.training.frame import Frame
from services.classifier.training.recipe import Recipe
from services.classifier.training.stacking import Scored, fit_judgement
from services.classifier.training.thresholds import Labelled, choose_thresholds
from services.classifier.words import clean

_FOLDS = 5
_WEIGHT_OF_A_KIND = 1_000.0


@dataclass(frozen=True, eq=False)
class Readers:
    """The two readers' weights; without `careful` the fast one reads alone."""

    fast: FastWeights
    careful: CarefulWeights | None

    def reader(self) -> PassageReader | None:
        """The careful reader, ready to read."""
        return CarefulReader(self.careful) if self.careful else None


@dataclass(frozen=True, eq=False)
class Calibration:
    """Texts that no reader learnt from, with the readers' scores; the petitions come first.

    `labelled` are those whose areas are known, by row.
    """

    scored: Scored
    labelled: Mapping[int, Labelled]

    def without(self, rows: Sequence[int]) -> "Calibration":
        """All but the texts at `rows`."""
        left_out = set(rows)
        kept = [row for row in range(len(self.scored.fast)) if row not in left_out]
        place = {row: at for at, row in enumerate(kept)}
        return Calibration(
            self.scored.take(np.array(kept)),
            {place[row]: each for row, each in self.labelled.items() if row in place},
        )


def folds(count: int) -> Iterator[list[int]]:
    """The rows of each fold of `count` texts, the same for whoever cross-validates."""
    for fold in range(_FOLDS):
        yield list(range(fold, count, _FOLDS))


def score_for_calibration(
    readers: Readers,
    petitions: Sequence[Petition],
    own: Sequence[OwnText],
    questions: Sequence[Question],
    frame: Frame,
) -> Calibration:
    """Lets both readers score all texts; each of the three kinds weighs the same in all."""
    nothing = np.zeros((len(questions), len(frame.areas)), dtype=np.bool_)
    kinds = [
        _of_petitions(petitions, frame),
        examples_of_own_texts(own, frame.areas, frame.answering, frame.leads),
        examples_of_questions(questions, nothing, frame.answering),
    ]
    examples = joined([_evened(kind) for kind in kinds if len(kind)])
    labelled: dict[int, Labelled] = {at: each for at, each in enumerate(petitions) if each.areas}
    labelled |= {len(petitions) + at: each for at, each in enumerate(own)}
    return Calibration(Scored(examples, *score_texts(readers, examples.texts)), labelled)


def calibrated(readers: Readers, calibration: Calibration, frame: Frame, recipe: Recipe) -> Model:
    """The model of both readers, judged and with thresholds as `calibration` suggests."""
    scored, ranking = calibration.scored, frame.ranking
    alone = fit_judgement(replace(scored, careful=None), ranking)
    together = None if scored.careful is None else fit_judgement(scored, ranking)
    rows = np.array(sorted(calibration.labelled))
    odds = (together or alone).judge(
        scored.fast[rows], None if scored.careful is None else scored.careful[rows]
    )
    probabilities = sigmoid(odds).astype(np.float64)
    thresholds = choose_thresholds(
        probabilities[:, : len(frame.areas)],
        probabilities[:, -1],
        [calibration.labelled[row] for row in rows.tolist()],
        frame.areas,
        recipe,
    )
    return Model(
        areas=frame.areas,
        departments=frame.answering,
        fast=readers.fast,
        alone=alone,
        careful=readers.careful,
        together=together,
        thresholds=thresholds,
        version=recipe.name,
        vocabulary_version=frame.vocabulary.version,
        metadata={},
    )


def _of_petitions(petitions: Sequence[Petition], frame: Frame) -> Examples:
    """Departments of all, areas where they were labelled; Parliament's own matters say nothing."""
    as_own = [
        OwnText(each.text, each.areas, each.departments, each.acceptable) for each in petitions
    ]
    found = examples_of_own_texts(as_own, frame.areas, frame.answering, frame.leads)
    found.areas[[not each.areas for each in petitions]] = UNKNOWN
    served = found.departments.any(axis=1)
    return replace(found, out_of_scope=np.where(served, 0, UNKNOWN).astype(np.int8))


def _evened(kind: Examples) -> Examples:
    weights = kind.weights / kind.weights.sum() * _WEIGHT_OF_A_KIND
    return replace(kind, weights=weights.astype(np.float32))


def score_texts(readers: Readers, texts: Sequence[str]) -> tuple[Floats, Floats | None]:
    """Raw scores (texts, columns) of each reader, long texts as a whole."""
    passages = [[clean(text[start:end]) for start, end in passages_of(text)] for text in texts]
    fast = FastReader(readers.fast)
    careful = readers.reader()
    return (
        fast.score([fast.look_up(each).whole for each in passages]),
        _careful_scores(careful, passages) if careful else None,
    )


def _careful_scores(reader: PassageReader, texts: Sequence[Sequence[str]]) -> Floats:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.stack([whole_of(read) for read in pool.map(reader.read, texts)])
