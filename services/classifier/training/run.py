"""One training run: weak labels, two readers, then their judgement and thresholds."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

import numpy as np

from services.classifier.model import CarefulWeights, Model
from services.classifier.training.calibrating import (
    Calibration,
    Readers,
    calibrated,
    score_for_calibration,
)
from services.classifier.training.corpus import Corpus, OwnText, Question
from services.classifier.training.examples import (
    UNKNOWN,
    Examples,
    examples_of_headings,
    examples_of_own_texts,
    examples_of_questions,
    joined,
)
from services.classifier.training.fitting import fit_fast, texts_of_keywords
from services.classifier.training.frame import Frame
from services.classifier.training.recipe import Recipe
from services.classifier.training.supervision import Supervisor

CREDIT = (
    "Contains Parliamentary information licensed under the Open Parliament Licence v3.0.",
    "Contains public sector information licensed under the Open Government Licence v3.0.",
    "Parliamentary data collected by mySociety (CC BY 4.0).",
    "The careful reader is a fine-tuned all-MiniLM-L6-v2 (Apache License 2.0).",
)
_IN_PAIRS = {"twins"}  # the other telling of a held-out text may have been learnt
_SAME_OPENING = 70  # characters: questions in a series differ in a name or a number only

Say = Callable[[str], None]


class FineTune(Protocol):
    """Teaches a sentence encoder, stage by stage."""

    def __call__(self, stages: Sequence[Examples], areas: int, say: Say) -> CarefulWeights:
        """Gives the careful reader's weights."""


@dataclass(frozen=True, eq=False)
class Split:
    """What a run learns from, and what it keeps from its readers.

    Questions from the recipe's month on are never learnt from, and are in the order of their
    dates; of own texts every n-th is not learnt from.
    """

    before: tuple[Question, ...]
    later: tuple[Question, ...]
    own: tuple[OwnText, ...]
    own_held_out: tuple[OwnText, ...]

    @property
    def to_calibrate(self) -> tuple[Question, ...]:
        """The earlier half of the later questions; the others are for scores."""
        return self.later[: len(self.later) // 2]

    @property
    def to_score(self) -> tuple[Question, ...]:
        """The latest questions, without those that open like one that was learnt or fitted on."""
        known = {_opening(each.text) for each in (*self.before, *self.to_calibrate)}
        return tuple(
            each for each in self.later[len(self.later) // 2 :] if _opening(each.text) not in known
        )


def split(corpus: Corpus, recipe: Recipe) -> Split:
    """Splits questions by date and own texts by their place."""
    every = recipe.own_texts_held_out
    own = corpus.own_texts[:: recipe.every_own_text]
    return Split(
        before=tuple(each for each in corpus.questions if each.date[:7] < recipe.split_month),
        later=tuple(
            sorted(
                (each for each in corpus.questions if each.date[:7] >= recipe.split_month),
                key=_date,
            )
        ),
        own=tuple(text for at, text in enumerate(own) if at % every),
        own_held_out=tuple(
            text for at, text in enumerate(own) if not at % every and text.register not in _IN_PAIRS
        ),
    )


def _date(question: Question) -> str:
    return question.date


def _opening(text: str) -> str:
    return text.lower()[:_SAME_OPENING]


def train(
    corpus: Corpus, recipe: Recipe, frame: Frame, say: Say, fine_tune: FineTune | None = None
) -> tuple[Model, Calibration]:
    """Runs everything; `say` gets a line for each step. Without `fine_tune` the fast reader alone.

    Gives the model and what it was calibrated on, by which it can be cross-validated.
    """
    parts = split(corpus, recipe)
    supervisor = Supervisor(corpus.hints, frame.areas, frame.leads)
    questions = examples_of_questions(parts.before, supervisor.label(parts.before), frame.answering)
    say(f"areas of {len(questions)} questions rest on {supervisor.coverage()}")
    readers = Readers(
        _fast(questions, corpus, parts, recipe, frame, say),
        _careful(questions, parts, recipe, frame, say, fine_tune) if fine_tune else None,
    )
    say("calibrating")
    calibration = score_for_calibration(
        readers, corpus.petitions, parts.own_held_out, parts.to_calibrate, frame
    )
    model = calibrated(readers, calibration, frame, recipe)
    metadata = _metadata(corpus, recipe, frame, supervisor)
    return replace(model, metadata=metadata), calibration


def _fast(
    questions: Examples, corpus: Corpus, parts: Split, recipe: Recipe, frame: Frame, say: Say
) -> Any:
    own = _own(parts.own, frame, recipe.own_text_weight)
    keywords = _own(texts_of_keywords(corpus.hints.keywords, recipe), frame, recipe.keyword_weight)
    say(f"fitting the fast reader on {len(questions)} questions and {len(own)} texts of our own")
    headings = examples_of_headings(parts.before, len(frame.areas), frame.answering)
    no_scope = np.full(len(keywords), UNKNOWN, dtype=np.int8)
    return fit_fast(
        [questions, headings, own, replace(keywords, out_of_scope=no_scope)], own, recipe
    )


def _careful(
    questions: Examples,
    parts: Split,
    recipe: Recipe,
    frame: Frame,
    say: Say,
    fine_tune: FineTune,
) -> CarefulWeights:
    """Many different questions first; then texts of people, with some questions among them."""
    own = _own(parts.own, frame, recipe.own_text_weight_when_tuning)
    different = questions.take(_different(questions.texts, recipe.seed))
    first = different.take(np.arange(min(len(different), recipe.most_questions)))
    again = different.take(np.arange(min(len(different), recipe.questions_again)))
    say(f"fine-tuning the careful reader on {len(first)} questions, then {len(own)} own texts")
    return fine_tune([first, joined([own, again])], len(frame.areas), say)


def _own(texts: Sequence[OwnText], frame: Frame, weight: float) -> Examples:
    return examples_of_own_texts(texts, frame.areas, frame.answering, frame.leads, weight)


def _different(texts: Sequence[str], seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Rows in an order drawn by `seed`, one for each opening."""
    order = np.random.default_rng(seed).permutation(len(texts))
    openings: dict[str, int] = {}
    for row in order.tolist():
        openings.setdefault(_opening(texts[row]), row)
    return np.array(list(openings.values()), dtype=np.int64)


def _metadata(
    corpus: Corpus, recipe: Recipe, frame: Frame, supervisor: Supervisor
) -> dict[str, Any]:
    return {
        "recipe": asdict(recipe),
        "rules_version": frame.rules.version,
        "made_with": _versions("numpy", "scikit-learn", "onnxruntime", "torch", "transformers"),
        "training_data": dict(corpus.sources),
        "coverage": supervisor.coverage(),
        "credit": list(CREDIT),
    }


def _versions(*packages: str) -> dict[str, str]:
    """The versions of those packages that are installed."""
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
