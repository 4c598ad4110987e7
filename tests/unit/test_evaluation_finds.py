"""What a report shows beside the scores: areas one by one, confusions, precision by coverage."""

from schemas.tagging import AreaCandidate, AreaTag, Tagging
from services.classifier.evaluation.findings import findings
from services.classifier.evaluation.measures import shown
from services.classifier.evaluation.report import as_page
from services.classifier.training.corpus import OwnText


def tagging(first: str, probability: float, *tagged: str) -> Tagging:
    return Tagging(
        areas=tuple(AreaTag(area=area, probability=probability) for area in tagged),
        candidates=(AreaCandidate(area=first, probability=probability),),
        model_version="t",
        vocabulary_version="t",
    )


LABELLED = [
    OwnText("a", ("tax",)),
    OwnText("b", ("tax", "trade"), acceptable=("energy",)),
    OwnText("c", ("schools",)),
    OwnText("d", ()),
]
TAGGINGS = [
    tagging("tax", 0.9, "tax"),
    tagging("energy", 0.6, "energy", "trade"),
    tagging("tax", 0.4, "tax"),
    tagging("tax", 0.3),
]


def test_precision_takes_acceptable_tags_and_recall_counts_right_ones() -> None:
    found = findings(TAGGINGS, LABELLED)
    by_area = {each.area: each for each in found.areas}
    assert by_area["tax"].precision == 0.5
    assert by_area["energy"].precision == 1
    assert by_area["schools"].precision is None
    assert found.recall == {"schools": 0, "tax": 0.5, "trade": 1}


def test_confusions_name_the_main_area_and_the_wrong_guess() -> None:
    assert findings(TAGGINGS, LABELLED).confusions == [("schools", "tax", 1)]


def test_coverage_goes_from_the_surest_to_all() -> None:
    assert findings(TAGGINGS, LABELLED).coverage == [(0.333, 1.0), (0.667, 1.0), (1.0, 0.667)]


def test_a_page_stands_alone_and_says_what_its_plots_show() -> None:
    page = as_page(
        "Title", "![A <b>plot</b>](a.svg)\n", {"a.svg": "<?xml?>\n<svg width='1'></svg>"}
    )
    assert "<svg role=" in page
    assert "<img" not in page
    assert page.startswith("<!doctype html>")


def test_figures_are_shown_with_their_interval() -> None:
    assert shown([0.5, 0.4, 0.6]) == "0.500 (0.400 to 0.600)"
    assert shown({"too_short": 2}) == "2 too short"
    assert shown({}) == "none"
