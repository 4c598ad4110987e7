"""Fits the fast reader: linear heads for areas, departments and scope on one matrix of terms."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from services.classifier.model import FastWeights
from services.classifier.training.corpus import OwnText
from services.classifier.training.examples import UNKNOWN, Examples, joined
from services.classifier.training.recipe import Recipe
from services.classifier.words import terms_of

_NEVER = -1.0  # the score of an area or department that no example has


def fit_fast(parts: Sequence[Examples], own: Examples, recipe: Recipe) -> FastWeights:
    """Fits every head on all parts; `own`, one of them, makes its terms known in any case."""
    examples = joined(parts)
    terms = [terms_of(text) for text in examples.texts]
    known = terms + [terms_of(text) for text in own.texts for _ in range(recipe.min_times - 1)]
    vectorizer = TfidfVectorizer(
        analyzer=_as_terms, min_df=recipe.min_times, sublinear_tf=True, dtype=np.float32
    ).fit(known)
    matrix = vectorizer.transform(terms).tocsr()
    heads = [
        _fit_yes_or_no(matrix, examples.areas[:, column], examples.weights, recipe)
        for column in range(examples.areas.shape[1])
    ]
    heads += _fit_departments(matrix, examples, recipe)
    heads.append(_fit_yes_or_no(matrix, examples.out_of_scope, examples.weights, recipe))
    return FastWeights(
        terms=tuple(map(str, vectorizer.get_feature_names_out())),
        idf=vectorizer.idf_.astype(np.float32),
        weights=np.vstack([coefficients for coefficients, _ in heads]).T.astype(np.float32),
        bias=np.array([intercept for _, intercept in heads], dtype=np.float32),
    )


def texts_of_keywords(keywords: Mapping[str, Sequence[str]], recipe: Recipe) -> list[OwnText]:
    """Short made-up texts of each area's keywords, drawn together in several orders."""
    draw = random.Random(recipe.seed)
    texts = []
    for area, phrases in sorted(keywords.items()):
        shuffled = list(phrases)
        for _ in range(recipe.keyword_rounds):
            draw.shuffle(shuffled)
            for start in range(0, len(shuffled), recipe.keywords_together):
                drawn = shuffled[start : start + recipe.keywords_together]
                texts.append(OwnText(". ".join(drawn), (area,)))
    return texts


def _fit_yes_or_no(
    matrix: Any, marks: NDArray[np.int8], weights: NDArray[np.float32], recipe: Recipe
) -> tuple[NDArray[np.float64], float]:
    rows = np.flatnonzero(marks != UNKNOWN)
    if len(np.unique(marks[rows])) < 2:
        return np.zeros(matrix.shape[1]), _NEVER
    classes = {0: 1.0, 1: recipe.area_positive_weight}
    head = LinearSVC(C=recipe.regularisation, class_weight=classes, random_state=recipe.seed)
    head.fit(matrix[rows], marks[rows], sample_weight=weights[rows])
    return head.coef_[0], float(head.intercept_[0])


def _fit_departments(
    matrix: Any, examples: Examples, recipe: Recipe
) -> list[tuple[NDArray[np.float64], float]]:
    """One head for each department; of several right ones an example counts for the first."""
    answered = np.flatnonzero(examples.departments.any(axis=1))
    first = examples.departments[answered].argmax(axis=1)
    head = LinearSVC(C=recipe.regularisation, class_weight="balanced", random_state=recipe.seed)
    head.fit(matrix[answered], first, sample_weight=examples.weights[answered])
    fitted = {
        int(column): (head.coef_[at], float(head.intercept_[at]))
        for at, column in enumerate(head.classes_)
    }
    never = (np.zeros(matrix.shape[1]), _NEVER)
    return [fitted.get(column, never) for column in range(examples.departments.shape[1])]


def _as_terms(terms: Sequence[str]) -> Sequence[str]:
    return terms
