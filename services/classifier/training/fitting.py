"""Fits the linear heads, areas and departments, on one matrix of weighted terms."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import vstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from services.classifier.model import Floats
from services.classifier.training.corpus import Corpus, OwnText, Question
from services.classifier.training.recipe import Recipe
from services.classifier.training.supervision import Labels
from services.classifier.words import terms_of


@dataclass(frozen=True, eq=False)
class Examples:
    """Texts as terms, with their weight; `departments` may be empty, `labels` may be all false."""

    terms: Sequence[Sequence[str]]
    labels: Labels
    departments: Sequence[str]
    weights: NDArray[np.float64]
    out_of_scope: bool = False

    def __len__(self) -> int:
        return len(self.terms)


@dataclass(frozen=True, eq=False)
class Fit:
    """What one fit gives; `score` is what the model computes, in one go."""

    vectorizer: Any
    departments: tuple[str, ...]
    weights: Floats
    bias: Floats

    def score(self, terms: Sequence[Sequence[str]]) -> Floats:
        """Scores (texts, areas + departments), the areas first."""
        scores: Floats = np.asarray(self.vectorizer.transform(terms) @ self.weights) + self.bias
        return scores


def examples_of_questions(questions: Sequence[Question], labels: Labels) -> Examples:
    """Question texts with their weak areas and the department that answered."""
    terms = [terms_of(question.text) for question in questions]
    return Examples(terms, labels, [each.department for each in questions], np.ones(len(terms)))


def examples_of_headings(questions: Sequence[Question], areas: int) -> Examples:
    """Headings as texts of their own, for the departments alone: they are few clear words."""
    headed = [question for question in questions if question.heading]
    terms = [terms_of(question.heading) for question in headed]
    nothing = np.zeros((len(terms), areas), dtype=np.bool_)
    return Examples(terms, nothing, [each.department for each in headed], np.ones(len(terms)))


def examples_of_own_texts(
    texts: Sequence[OwnText], areas: Sequence[str], leads: Mapping[str, str], weight: float
) -> Examples:
    """Texts written for training; without a department of their own, the first area's lead."""
    return Examples(
        [terms_of(text.text) for text in texts],
        _labels([text.areas for text in texts], areas),
        [text.department or (leads[text.areas[0]] if text.areas else "") for text in texts],
        np.full(len(texts), weight),
        out_of_scope=True,
    )


def examples_of_keywords(
    corpus: Corpus, areas: Sequence[str], leads: Mapping[str, str], recipe: Recipe
) -> Examples:
    """Short made-up texts of each area's keywords, drawn together in several orders."""
    draw = random.Random(recipe.seed)
    terms, owners = [], []
    for area, phrases in sorted(corpus.hints.keywords.items()):
        shuffled = list(phrases)
        for _ in range(recipe.keyword_rounds):
            draw.shuffle(shuffled)
            for start in range(0, len(shuffled), recipe.keywords_together):
                drawn = shuffled[start : start + recipe.keywords_together]
                terms.append([term for phrase in drawn for term in terms_of(phrase)])
                owners.append(area)
    return Examples(
        terms,
        _labels([(area,) for area in owners], areas),
        [leads[area] for area in owners],
        np.full(len(terms), recipe.keyword_weight),
    )


def fit(parts: Sequence[Examples], recipe: Recipe, own_texts: Examples) -> Fit:
    """Fits every head. `own_texts` make their terms known even where no question has them."""
    known = [terms for part in parts for terms in part.terms]
    known += [terms for terms in own_texts.terms for _ in range(recipe.min_times - 1)]
    vectorizer = TfidfVectorizer(
        analyzer=_as_terms, min_df=recipe.min_times, sublinear_tf=True, dtype=np.float32
    ).fit(known)
    matrix = vstack([vectorizer.transform(part.terms) for part in parts]).tocsr()
    labels = np.vstack([part.labels for part in parts])
    weights = np.concatenate([part.weights for part in parts])
    says_area = np.concatenate([part.labels.any(axis=1) | part.out_of_scope for part in parts])
    columns = [
        _fit_area(matrix[says_area], labels[says_area, column], weights[says_area], recipe)
        for column in range(labels.shape[1])
    ]
    departments = np.array([code for part in parts for code in part.departments])
    answered = departments != ""
    codes, coefficients, intercepts = _fit_departments(
        matrix[answered], departments[answered], weights[answered], recipe
    )
    return Fit(
        vectorizer,
        codes,
        np.vstack([*(column for column, _ in columns), coefficients]).T.astype(np.float32),
        np.concatenate([[intercept for _, intercept in columns], intercepts]).astype(np.float32),
    )


def _fit_area(
    matrix: Any, is_area: Labels, weights: NDArray[np.float64], recipe: Recipe
) -> tuple[NDArray[np.float64], float]:
    if not is_area.any():
        return np.zeros(matrix.shape[1]), -1.0
    classes = {False: 1.0, True: recipe.area_positive_weight}
    head = LinearSVC(C=recipe.regularisation, class_weight=classes, random_state=recipe.seed)
    head.fit(matrix, is_area, sample_weight=weights)
    return head.coef_[0], float(head.intercept_[0])


def _fit_departments(
    matrix: Any, departments: NDArray[np.str_], weights: NDArray[np.float64], recipe: Recipe
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
    head = LinearSVC(C=recipe.regularisation, class_weight="balanced", random_state=recipe.seed)
    head.fit(matrix, departments, sample_weight=weights)
    return tuple(map(str, head.classes_)), head.coef_, head.intercept_


def _labels(areas_of: Sequence[Sequence[str]], areas: Sequence[str]) -> Labels:
    column = {area: at for at, area in enumerate(areas)}
    labels = np.zeros((len(areas_of), len(areas)), dtype=np.bool_)
    for row, named in enumerate(areas_of):
        labels[row, [column[area] for area in named]] = True
    return labels


def _as_terms(terms: Sequence[str]) -> Sequence[str]:
    return terms
