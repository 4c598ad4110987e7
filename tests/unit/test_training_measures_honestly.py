"""The figures that the model carries mean what their names say."""

import numpy as np
import pytest

from schemas.tagging import AreaCandidate, AreaTag, DepartmentCandidate, Tagging
from services.classifier.training.calibration import calibrate, choose_thresholds
from services.classifier.training.corpus import Petition
from services.classifier.training.recipe import Recipe
from services.classifier.training.scores import (
    calibration_error,
    score_areas,
    score_chosen,
    score_departments,
)


def ranked(*codes: str, areas: tuple[str, ...] = (), tagged: tuple[str, ...] = ()) -> Tagging:
    return Tagging(
        areas=tuple(AreaTag(area=area, probability=0.9) for area in tagged),
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
    scores = score_departments(taggings, [["DFE"], ["DFE"], ["DFE"], ["HO", "MOJ"], ["XY"]])
    assert scores["texts"] == 4
    assert scores["first_right"] == 0.5
    assert scores["within_three"] == 0.75
    assert scores["mean_recall"] == pytest.approx((1 / 3 + 1) / 2, abs=1e-3)


def test_area_scores_tell_acceptable_from_right() -> None:
    petitions = [
        Petition("one", ("HO",), ("schools", "tax"), ("trade",), "tax"),
        Petition("two", ("HO",), ("energy",), (), "energy"),
    ]
    taggings = [
        ranked("HO", areas=("trade", "schools", "tax"), tagged=("schools", "trade")),
        ranked("HO", areas=("energy", "tax", "trade"), tagged=("energy",)),
    ]
    scores = score_areas(taggings, petitions)
    assert scores["first_right_or_acceptable"] == 1
    assert scores["first_right"] == 0.5
    assert scores["primary_within_three"] == 1
    assert scores["micro_f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1), abs=1e-4)
    assert scores["micro_f1_fair"] == pytest.approx(2 * 2 / (2 * 2 + 0 + 1), abs=1e-4)


def test_routing_scores_look_at_who_leads_and_who_got_it() -> None:
    petitions = [Petition("one", ("HO",)), Petition("two", ("HO",))]
    scores = score_chosen([["HO", "MOJ"], ["MOJ", "HO"]], [["HO"], ["MOJ"]], petitions)
    assert scores["first_lead_right"] == 0.5
    assert scores["got_it"] == 1
    assert scores["departments_per_text"] == 2


def test_calibration_error_is_nought_for_honest_and_large_for_boastful_probabilities() -> None:
    assert calibration_error([0.75] * 4, [True, True, True, False]) == 0
    assert calibration_error([0.99] * 4, [False] * 4) == pytest.approx(0.99)


def test_platt_makes_probabilities_of_scores() -> None:
    draw = np.random.default_rng(3)
    scores = draw.normal(size=(4_000, 1)).astype(np.float32)
    truth = 1 / (1 + np.exp(-(2 * scores - 1)))
    labels = draw.random(size=truth.shape) < truth
    calibration = calibrate(
        scores, labels, np.eye(3, dtype=np.float32)[[0, 1, 2]], np.array([0, 1, 2])
    )
    assert calibration.slopes[0] == pytest.approx(2, abs=0.25)
    assert calibration.offsets[0] == pytest.approx(-1, abs=0.2)
    assert np.abs(calibration.areas(scores) - truth).max() < 0.1


def test_thresholds_are_drawn_to_the_best_for_all_where_petitions_are_few() -> None:
    areas = ("energy", "tax")
    petitions = [Petition("a", (), ("tax",))] * 20 + [Petition("b", (), ("energy",))]
    probabilities = np.array([[0.05, 0.6]] * 20 + [[0.9, 0.1]], dtype=np.float32)
    thresholds, first_at = choose_thresholds(probabilities, petitions, areas, Recipe())
    assert 0.1 < thresholds.min() <= thresholds.max() < 0.6
    assert 0 < first_at < thresholds.max()
