"""Decides the ranking of departments from a text's wording and the areas that it is about."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.routing.rulebook import Rules

Floats = NDArray[np.float32]


class Ranking:
    """Mixes department evidence with area probabilities by the shares that the rules give.

    `departments` and `areas` fix the columns of the arrays that `mix` takes.
    """

    def __init__(self, departments: Sequence[str], areas: Sequence[str], rules: Rules) -> None:
        self.departments = tuple(departments)
        self.wording = np.float32(rules.ranking.wording)
        self._shares = _shares(self.departments, areas, rules)

    def mix(self, evidence: Floats, areas: Floats) -> Floats:
        """Mixes (n, departments) and (n, areas) into (n, departments); each row sums to 1."""
        mixed: Floats = self.wording * evidence + (1 - self.wording) * self.brought(areas)
        mixed /= np.maximum(mixed.sum(axis=1, keepdims=True), np.float32(1e-9))
        return mixed

    def brought(self, areas: Floats) -> Floats:
        """What areas (n, areas) bring to departments (n, departments); each row sums to 1."""
        brought: Floats = areas @ self._shares
        brought /= np.maximum(brought.sum(axis=1, keepdims=True), np.float32(1e-9))
        return brought


def _shares(departments: tuple[str, ...], areas: Sequence[str], rules: Rules) -> Floats:
    shares = np.zeros((len(areas), len(departments)), dtype=np.float32)
    column = {code: index for index, code in enumerate(departments)}
    for row, slug in enumerate(areas):
        rule = rules.areas[slug]
        for code in (rule.lead, *rule.copied):
            if code in column:
                weight = 1.0 if code == rule.lead else rules.ranking.copied_share
                shares[row, column[code]] = weight
    return shares
