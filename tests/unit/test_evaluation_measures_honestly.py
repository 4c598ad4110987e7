"""The figures of an evaluation mean what their names say."""

import numpy as np
import pytest

from schemas.tagging import Abstention, AreaCandidate, AreaTag, DepartmentCandidate, Tagging
from services.classifier.evaluation.measures import (
    calibration_error,
    estimate,
    of_abstentions,
    of_areas,
    of_chosen,
    of_departments,
    of_twins,
    reliability,
    share,
    table,
)
from services.classifier.training.corpus import Petition


def ranked(
    *codes: str,
    areas: tuple[str, ...] = (),
    tagged: tuple[str, ...] = (),
    abstained: Abstention | None = None,
) -> Tagging:
    return Tagging(
        areas=tuple(AreaTag(area=area, probability=0.9) for area in tagged),
        abstained=abstained,
        candidates=tuple(AreaCandidate(area=area, probability=0.9) for area in areas),
        department_candidates=tuple(
            DepartmentCandidate(department=code, probability=0.5) for code in codes
        ),
        model_version="t",
        vocabulary_version="t",
    )


def test_department_scores_count_first_third_and_mean_recall() -> None:
    taggings = [
        ranked("DFE", "HO", "MOJ", "DFT"),
        ranked("HO", "DFE", "MOJ", "DFT"),
        ranked("HO", "MOJ", "DFT", "DFE"),
        ranked("MOJ", "HO", "DFE", "DFT"),
        ranked("DFT", "HO", "DFE", "MOJ"),
    ]
    scores = of_departments(taggings, [["DFE"], ["DFE"], ["DFE"], ["HO", "MOJ"], []])
    assert scores["texts"] == 4
    assert scores["first_right"][0] == 0.5
    assert scores["within_three"][0] == 0.75
    assert scores["mean_recall"][0] == pytest.approx((1 / 3 + 1) / 2, abs=1e-3)


def test_area_scores_tell_acceptable_from_right() -> None:
    petitions = [
        Petition("one", ("HO",), ("schools", "tax"), ("trade",), "tax"),
        Petition("two", ("HO",), ("energy",), (), "energy"),
    ]
    taggings = [
        ranked("HO", areas=("trade", "schools", "tax"), tagged=("schools", "trade")),
        ranked("HO", areas=("energy", "tax", "trade"), tagged=("energy",)),
    ]
    scores = of_areas(taggings, petitions)
    assert scores["first_right_or_acceptable"][0] == 1
    assert scores["first_right"][0] == 0.5
    assert scores["primary_within_three"][0] == 1
    assert scores["micro_f1"][0] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1), abs=1e-4)
    assert scores["micro_f1_fair"][0] == pytest.approx(2 * 2 / (2 * 2 + 0 + 1), abs=1e-4)


def test_routing_scores_look_at_who_leads_and_who_got_it() -> None:
    scores = of_chosen([["HO", "MOJ"], ["MOJ", "HO"]], [["HO"], ["MOJ"]], [["HO"], ["HO"]])
    assert scores["first_lead_right"][0] == 0.5
    assert scores["got_it"][0] == 1
    assert scores["departments_per_text"] == 2


def test_abstentions_count_by_reason_and_who_leads() -> None:
    taggings = [ranked("HO", abstained=Abstention.TOO_SHORT), ranked("HO", tagged=("tax",))]
    scores = of_abstentions(taggings, [["HUB"], ["HO"]], "HUB")
    assert scores["abstained"][0] == scores["to_the_hub"][0] == 0.5
    assert scores["reasons"] == {"too_short": 1}


def test_twins_are_compared_with_each_other_alone() -> None:
    taggings = [
        ranked("HO", areas=("tax", "trade"), tagged=("tax",)),
        ranked("HO", areas=("tax", "trade"), tagged=("tax", "trade")),
        ranked("HO", areas=("tax",), tagged=("tax",)),
        ranked("HO", areas=("trade",), tagged=("trade",)),
    ]
    scores = of_twins(taggings, [["HO"], ["HO"], ["HO"], ["DBT"]])
    assert scores["pairs"] == 2
    assert scores["same_first_area"][0] == 0.5
    assert scores["same_areas"][0] == 0
    assert scores["overlap_of_areas"][0] == 0.25
    assert scores["same_first_lead"][0] == 0.5


def test_an_interval_holds_its_figure_and_narrows_with_more_texts() -> None:
    few, many = share([True, False] * 10), share([True, False] * 1_000)
    assert few.low < few.value == many.value == 0.5 < few.high
    assert many.high - many.low < few.high - few.low
    assert estimate(np.array([]), lambda rows: 1.0).value == 0


def test_calibration_error_is_nought_for_honest_and_large_for_boastful_probabilities() -> None:
    assert calibration_error([0.75] * 4, [True, True, True, False]) == 0
    assert calibration_error([0.99] * 4, [False] * 4) == pytest.approx(0.99)
    [row] = reliability([0.75] * 4, [True, True, True, False])
    assert row == {"from": 0.7, "texts": 4, "sure": 0.75, "right": 0.75}


def test_the_table_shows_every_figure_with_its_interval() -> None:
    shown = table({"petitions": {"texts": 4, "first_right": [0.5, 0.4, 0.6], "reasons": {}}})
    assert "petitions (4 texts)" in shown
    assert "0.500 (0.400 to 0.600)" in shown
