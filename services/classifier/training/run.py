"""One training run: weak labels, an early fit to calibrate and score, the last fit on all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import sklearn

from schemas.departments import Departments
from schemas.feedback import Kind, Submission
from schemas.policy_areas import PolicyAreas
from schemas.routing import Role
from schemas.tagging import Tagging
from services.classifier.model import Model, load_model, save_model
from services.classifier.tagging import Tagger
from services.classifier.training.calibration import Calibration, calibrate, choose_thresholds
from services.classifier.training.corpus import Corpus, Question, joined_petitions
from services.classifier.training.fitting import (
    Examples,
    Fit,
    examples_of_headings,
    examples_of_keywords,
    examples_of_own_texts,
    examples_of_questions,
    fit,
)
from services.classifier.training.recipe import Recipe
from services.classifier.training.scores import score_areas, score_chosen, score_departments
from services.classifier.training.supervision import Labels, Supervisor
from services.classifier.words import terms_of
from services.routing.rulebook import Rules
from services.routing.rules import choose_departments

CREDIT = (
    "Contains Parliamentary information licensed under the Open Parliament Licence v3.0.",
    "Contains public sector information licensed under the Open Government Licence v3.0.",
    "Parliamentary data collected by mySociety (CC BY 4.0).",
)


@dataclass(frozen=True, eq=False)
class Training:
    """A run's surroundings: what it learns from, how, and the vocabulary and rules that it serves.

    `on` is the day for which departments are chosen when routing is scored.
    """

    corpus: Corpus
    recipe: Recipe
    vocabulary: PolicyAreas
    departments: Departments
    rules: Rules
    on: date

    @property
    def areas(self) -> tuple[str, ...]:
        """The columns of areas."""
        return self.vocabulary.slugs

    @property
    def leads(self) -> dict[str, str]:
        """Who leads on each area."""
        return {area: rule.lead for area, rule in self.rules.areas.items()}

    def train(self, say: Callable[[str], None]) -> Model:
        """Runs everything; `say` gets a line for each step. The model carries its scores."""
        questions, recipe = self.corpus.questions, self.recipe
        supervisor = Supervisor(self.corpus.hints, self.areas, self.leads)
        labels = supervisor.label(questions)
        say(f"areas of {len(questions)} questions rest on {supervisor.coverage()}")
        later = np.array([each.date[:7] >= recipe.split_month for each in questions])
        held_out = [each for each, is_late in zip(questions, later, strict=True) if is_late]
        before = [each for each, is_late in zip(questions, later, strict=True) if not is_late]
        say(f"fitting on {len(before)} questions before {recipe.split_month}")
        early = self._fit(before, labels[~later])
        calibration = self._calibrate(early, held_out, labels[later])
        say(f"fitting on all {len(questions)} questions")
        last = self._fit(questions, labels)
        model = self._model(last, calibration)
        scores = {
            "later_questions_departments": self._score_questions(early, calibration, held_out),
            **self._score_petitions(model),
        }
        say("scored")
        metadata = {**self._metadata(), "coverage": supervisor.coverage(), "scores": scores}
        return replace(model, metadata=metadata)

    def _fit(self, questions: Sequence[Question], labels: Labels) -> Fit:
        own = examples_of_own_texts(
            self.corpus.own_texts, self.areas, self.leads, self.recipe.own_text_weight
        )
        parts: list[Examples] = [
            examples_of_questions(questions, labels),
            examples_of_headings(questions, len(self.areas)),
            own,
            examples_of_keywords(self.corpus, self.areas, self.leads, self.recipe),
        ]
        return fit([part for part in parts if len(part)], self.recipe, own)

    def _calibrate(self, early: Fit, questions: Sequence[Question], labels: Labels) -> Calibration:
        scores = early.score([terms_of(question.text) for question in questions])
        split = len(self.areas)
        column = {code: at for at, code in enumerate(early.departments)}
        answered = np.array([column.get(question.department, -1) for question in questions])
        return calibrate(
            scores[labels.any(axis=1), :split],
            labels[labels.any(axis=1)],
            scores[answered >= 0, split:],
            answered[answered >= 0],
        )

    def _model(self, last: Fit, calibration: Calibration) -> Model:
        """The model with the thresholds that the labelled petitions suggest."""
        labelled = [each for each in self.corpus.petitions if each.areas]
        scores = last.score([terms_of(each.text) for each in labelled])[:, : len(self.areas)]
        thresholds, first_at = choose_thresholds(
            calibration.areas(scores), labelled, self.areas, self.recipe
        )
        return _assembled(self, last, calibration, thresholds, first_at)

    def _score_questions(
        self, early: Fit, calibration: Calibration, questions: Sequence[Question]
    ) -> dict[str, Any]:
        """Scores the early fit on the questions that it has not seen."""
        never = np.ones(len(self.areas), dtype=np.float32)
        model = _assembled(self, early, calibration, never, 1.0)
        taggings = self._tagger(model).tag_many([question.text for question in questions])
        return score_departments(taggings, [[question.department] for question in questions])

    def _score_petitions(self, model: Model) -> dict[str, Any]:
        petitions = self.corpus.petitions
        taggings = self._tagger(model).tag_many([each.text for each in petitions])
        labelled = [at for at, each in enumerate(petitions) if each.areas]
        served = [at for at, each in enumerate(petitions) if self._serves(each.departments)]
        chosen = [self._choose(petitions[at].text, taggings[at]) for at in served]
        return {
            "petitions_departments": score_departments(
                taggings, [each.departments for each in petitions]
            ),
            "petitions_areas": score_areas(
                [taggings[at] for at in labelled], [petitions[at] for at in labelled]
            ),
            "three_petitions_joined_areas": self._score_joined(model, 3),
            "petitions_routing": score_chosen(
                [got for got, _ in chosen],
                [led for _, led in chosen],
                [petitions[at] for at in served],
            ),
        }

    def _score_joined(self, model: Model, together: int) -> dict[str, Any]:
        """Scores the tagged areas of long texts with several issues: labelled petitions, joined."""
        labelled = [each for each in self.corpus.petitions if each.areas]
        joined = [
            joined_petitions(labelled[start : start + together])
            for start in range(0, len(labelled), together)
        ]
        scores = score_areas(self._tagger(model).tag_many([each.text for each in joined]), joined)
        return {name: scores[name] for name in ("texts", "micro_f1", "micro_f1_fair")}

    def _serves(self, codes: Sequence[str]) -> bool:
        return any(code in self.departments for code in codes)

    def _choose(self, text: str, tagging: Tagging) -> tuple[list[str], list[str]]:
        feedback = Submission(kind=Kind.OBSERVATION, text=text)
        chosen = choose_departments(tagging, feedback, self.rules, self.departments, on=self.on)
        leads = [each.department for each in chosen if each.role is Role.LEAD]
        return [each.department for each in chosen], leads

    def _tagger(self, model: Model) -> Tagger:
        """The model as it will be read back from its artifact, rounding included."""
        with TemporaryDirectory() as folder:
            save_model(model, Path(folder))
            return Tagger(load_model(Path(folder)), self.rules)

    def _metadata(self) -> dict[str, Any]:
        return {
            "recipe": {name: getattr(self.recipe, name) for name in self.recipe.__slots__},
            "rules_version": self.rules.version,
            "made_with": {"numpy": np.__version__, "scikit-learn": sklearn.__version__},
            "training_data": dict(self.corpus.sources),
            "development_data": "petitions: thresholds and scores only, never fitted",
            "credit": list(CREDIT),
        }


def _assembled(
    training: Training, fitted: Fit, calibration: Calibration, thresholds: Any, first_at: float
) -> Model:
    return Model(
        areas=training.areas,
        departments=fitted.departments,
        terms=tuple(map(str, fitted.vectorizer.get_feature_names_out())),
        idf=fitted.vectorizer.idf_.astype(np.float32),
        weights=fitted.weights,
        bias=fitted.bias,
        slopes=calibration.slopes,
        offsets=calibration.offsets,
        temperature=calibration.temperature,
        thresholds=thresholds,
        first_at=first_at,
        version=training.recipe.name,
        vocabulary_version=training.vocabulary.version,
        metadata={},
    )
