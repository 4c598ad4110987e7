"""The report, the card and the record that ship are of the model that ships."""

import re
from pathlib import Path

import pytest

from services.classifier.model_files import load_model

REPORT = Path(__file__).parents[2] / "services" / "classifier" / "evaluation" / "report"
PAGES = ("report.md", "report.html", "model-card.md", "transparency-record.md")


@pytest.mark.parametrize("name", PAGES)
def test_it_names_the_shipped_version(name: str) -> None:
    text = (REPORT / name).read_text(encoding="utf-8")
    assert load_model().version in text, "run make evaluate and review the difference"


def test_the_card_and_the_record_are_filled_in_and_give_credit() -> None:
    for name in ("model-card.md", "transparency-record.md"):
        text = (REPORT / name).read_text(encoding="utf-8")
        assert "$" not in text
        for line in load_model().metadata["credit"]:
            assert line in text


def test_every_plot_of_the_report_is_there_and_the_page_needs_no_other_file() -> None:
    text = (REPORT / "report.md").read_text(encoding="utf-8")
    plots = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert len(plots) >= 4
    assert all((REPORT / plot).read_text(encoding="utf-8").startswith("<?xml") for plot in plots)
    page = (REPORT / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == len(plots)
    assert "<img" not in page
    assert "http-equiv" not in page
