"""The ranking of departments mixes wording and areas by the rules' shares."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.routing.ranking import Ranking
from services.routing.rulebook import load_rules

DEPARTMENTS = ("DFE", "DHSC", "MHCLG")
AREAS = ("housing", "social-care", "schools")
EVIDENCE = (0.5, 0.3, 0.2)


def mixed(*areas: tuple[float, ...]) -> NDArray[Any]:
    ranking = Ranking(DEPARTMENTS, AREAS, load_rules())
    evidence = np.array([EVIDENCE] * len(areas), dtype=np.float32)
    return ranking.mix(evidence, np.array(areas, dtype=np.float32))


def test_areas_lift_their_leads_and_less_whom_they_copy() -> None:
    [row] = mixed((0.0, 0.9, 0.0))
    assert row.sum() == pytest.approx(1, abs=1e-5)
    lead, copied = row[1] - EVIDENCE[1] / 2, row[2] - EVIDENCE[2] / 2
    assert lead > copied > 0
    assert row[0] == pytest.approx(EVIDENCE[0] / 2, abs=1e-5)


def test_without_any_area_the_wording_alone_decides() -> None:
    [row] = mixed((0.0, 0.0, 0.0))
    assert row == pytest.approx(EVIDENCE, abs=1e-5)


def test_a_text_is_ranked_the_same_whatever_stands_beside_it() -> None:
    alone = mixed((0.9, 0.1, 0.0))[0]
    beside = mixed((0.0, 0.0, 1.0), (0.9, 0.1, 0.0))[1]
    assert alone == pytest.approx(beside, abs=1e-6)
