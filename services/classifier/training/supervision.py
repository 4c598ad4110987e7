"""Decides the policy areas of questions that nobody labelled: by heading, then by keywords."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from services.classifier.training.corpus import Hints, Question
from services.classifier.words import terms_of

Labels = NDArray[np.bool_]

_STRONG = 3  # points: two pairs of words, or a pair and a word, or three words
_CONFIRMED = 2
_POINTS_OF_PAIR = 2


class Supervisor:
    """Gives each question its areas and counts on what they rest."""

    def __init__(self, hints: Hints, areas: Sequence[str], leads: Mapping[str, str]) -> None:
        self._hints = hints
        self._areas = {area: column for column, area in enumerate(areas)}
        self._leads = leads
        self._keywords: dict[str, list[str]] = {}
        for area, phrases in hints.keywords.items():
            for phrase in phrases:
                self._keywords.setdefault(keyword_term(phrase), []).append(area)
        self.counts: Counter[str] = Counter()

    def label(self, questions: Iterable[Question]) -> Labels:
        """Gives (questions, areas); a row without any area says nothing about areas."""
        found = [self._areas_of(question) for question in questions]
        labels = np.zeros((len(found), len(self._areas)), dtype=np.bool_)
        for row, areas in enumerate(found):
            for area in areas:
                labels[row, self._areas[area]] = True
        return labels

    def coverage(self) -> dict[str, float]:
        """The share of questions by what their areas rest on."""
        total = max(1, self.counts.total())
        return {ground: round(count / total, 4) for ground, count in sorted(self.counts.items())}

    def _areas_of(self, question: Question) -> set[str]:
        points = self._points(question.text)
        areas = self.areas_of_heading(question.heading)
        ground = "heading" if areas else ""
        if not areas and question.heading.strip().lower() in self._hints.near:
            areas = {self._hints.near[question.heading.strip().lower()]}
            ground = "heading near one"
        if not areas and question.heading:
            areas = _most(self._points(question.heading))
            ground = "keywords in the heading"
        strong = {area for area, count in points.items() if count >= _STRONG}
        if areas:
            areas |= strong
        else:
            areas, ground = self._areas_of_text(points, strong, question.department)
        self.counts[ground if areas else "none"] += 1
        return areas

    def _areas_of_text(
        self, points: Counter[str], strong: set[str], department: str
    ) -> tuple[set[str], str]:
        """Keywords count more easily for an area whose lead answered the question."""
        led = Counter(
            {area: count for area, count in points.items() if self._leads[area] == department}
        )
        if led:
            confirmed = {area for area, count in led.items() if count >= _CONFIRMED}
            return _most(led) | confirmed, "keywords and department"
        return strong, "keywords alone"

    def areas_of_heading(self, heading: str) -> set[str]:
        """The areas to which the reviewed mapping brings a heading; empty when it has none."""
        heading = heading.strip().lower()
        subject, *qualifiers = (part.strip() for part in heading.split(":"))
        subjects = self._hints.subjects
        areas = set(subjects.get(heading) or subjects.get(subject) or ())
        for qualifier in qualifiers:
            areas |= self._hints.qualifiers.get(qualifier, frozenset())
        return areas

    def _points(self, text: str) -> Counter[str]:
        points: Counter[str] = Counter()
        for term in set(terms_of(text)):
            for area in self._keywords.get(term, ()):
                points[area] += _POINTS_OF_PAIR if " " in term else 1
        return points


def keyword_term(phrase: str) -> str:
    """The one term that a keyword stands for; raises `ValueError` when it is none."""
    terms = terms_of(phrase)
    pairs = [term for term in terms if " " in term] or terms
    if len(pairs) != 1:
        raise ValueError(f"keyword {phrase!r} must be one word, or two words that both count")
    return pairs[0]


def _most(points: Counter[str]) -> set[str]:
    most = max(points.values(), default=0)
    return {area for area, count in points.items() if count == most}
