"""Writes an evaluation as Markdown and HTML with its plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from services.classifier.evaluation.care import Care
from services.classifier.evaluation.findings import Findings
from services.classifier.evaluation.measures import shown
from services.classifier.evaluation.plots import (
    areas_plot,
    care_plot,
    coverage_plot,
    reliability_plot,
)
from services.classifier.evaluation.readers import table_of_readers
from services.classifier.model import Model

GOALS: Mapping[tuple[str, str], float] = {
    ("petitions_departments", "first_right"): 0.78,
    ("petitions_departments", "within_three"): 0.95,
    ("petitions_departments", "mean_recall"): 0.68,
    ("later_questions_departments", "first_right"): 0.82,
    ("later_questions_departments", "within_three"): 0.95,
    ("petitions_areas", "first_right_or_acceptable"): 0.88,
    ("petitions_areas", "primary_within_three"): 0.94,
    ("petitions_areas", "micro_f1"): 0.70,
    ("observations_areas", "first_right_or_acceptable"): 0.88,
    ("observations_areas", "primary_within_three"): 0.94,
    ("observations_areas", "micro_f1"): 0.70,
    ("observations_departments", "first_right"): 0.88,
    ("out_of_scope", "to_the_hub"): 0.80,
}
AT_MOST: Mapping[tuple[str, str], float] = {
    ("observations_areas", "abstained"): 0.05,
    ("petitions_areas", "calibration_error"): 0.05,
    ("observations_areas", "calibration_error"): 0.05,
    ("petitions_departments", "calibration_error"): 0.05,
    ("later_questions_departments", "calibration_error"): 0.05,
}

_HOW = """
Intervals hold 95 % of 1,000 draws of the texts with replacement. Petitions are cross-validated in
five folds: judgement and thresholds are fitted without the fold; the readers never learn from
petitions. Questions are those of the last month, which nothing is fitted on. Observations,
patients' comments, texts out of scope, Welsh texts and twins were written for evaluation, apart
from the texts written for training.
"""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .25rem .75rem; text-align: left; border-bottom: 1px solid #d0d0d0 }
svg { max-width: 100%; height: auto }
code { background: #f3f3f3 }
"""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All that a report tells."""

    model: Model
    scores: Mapping[str, Mapping[str, Any]]
    petitions: Findings
    observations: Findings
    care: Sequence[Care]
    readers: Mapping[str, Mapping[str, Any]]


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """Writes `report.md`, `report.html` and the plots."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {"petitions": evaluation.petitions, "observations": evaluation.observations}
    plots = {
        "reliability.svg": reliability_plot(named),
        "coverage.svg": coverage_plot(named),
        "areas-petitions.svg": areas_plot(evaluation.petitions),
        "areas-observations.svg": areas_plot(evaluation.observations),
        "care.svg": care_plot(evaluation.care),
    }
    for name, svg in plots.items():
        (folder / name).write_text(svg, encoding="utf-8")
    text = _markdown(evaluation)
    (folder / "report.md").write_text(text, encoding="utf-8")
    (folder / "report.html").write_text(as_page("Evaluation", text, plots), encoding="utf-8")


def as_page(title: str, markdown: str, plots: Mapping[str, str]) -> str:
    """Markdown as one HTML page that stands alone, with the plots inside."""
    body = MarkdownIt("commonmark").enable("table").render(markdown)
    for name, svg in plots.items():
        start = svg.index("<svg")
        alt = body.partition(f'src="{name}" alt="')[2].partition('"')[0]
        drawn = svg[start:].replace("<svg ", f'<svg role="img" aria-label="{alt}" ', 1)
        body = body.replace(f'<img src="{name}" alt="{alt}" />', drawn)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def _markdown(evaluation: Evaluation) -> str:
    model = evaluation.model
    parts = [
        f"# How well the classifier reads: {model.version}\n",
        f"Written by `make evaluate`. Vocabulary version {model.vocabulary_version}, "
        f"thresholds version {model.thresholds.version}.\n",
        _HOW,
        "## Against the goals\n",
        _goals(evaluation.scores),
        "## Every figure\n",
        *(_set(name, figures) for name, figures in evaluation.scores.items()),
        "## Do probabilities mean what they say?\n",
        "![How sure the classifier is of the first area against how often that is right]"
        "(reliability.svg)\n",
        *(_reliability(name, found) for name, found in _named(evaluation).items()),
        "## Precision against coverage\n",
        "![How right the first area is on the surest share of texts](coverage.svg)\n",
        "## What careful reading is worth\n",
        _rows(("Right", *evaluation.readers), table_of_readers(evaluation.readers)),
        "![First area and department right against the share of texts read carefully](care.svg)\n",
        _care(evaluation.care),
        "## Area by area\n",
        "### Petitions\n",
        "![Precision and recall of each area on petitions](areas-petitions.svg)\n",
        _areas(evaluation.petitions),
        _confusions(evaluation.petitions),
        "### Observations\n",
        "![Precision and recall of each area on observations](areas-observations.svg)\n",
        _areas(evaluation.observations),
        _confusions(evaluation.observations),
    ]
    return "\n".join(parts)


def _named(evaluation: Evaluation) -> dict[str, Findings]:
    return {"Petitions": evaluation.petitions, "Observations": evaluation.observations}


def _goals(scores: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for goals, sign in ((GOALS, "≥"), (AT_MOST, "≤")):
        for (name, figure), goal in goals.items():
            value = scores[name][figure]
            point = value[0] if isinstance(value, list) else value
            reached = point >= goal if sign == "≥" else point <= goal
            rows.append(
                (
                    _words(name),
                    _words(figure),
                    shown(value),
                    f"{sign} {goal}",
                    "yes" if reached else "no",
                )
            )
    return _rows(("Texts", "Figure", "Estimate", "Goal", "Reached"), rows)


def _set(name: str, figures: Mapping[str, Any]) -> str:
    count = figures.get("texts", figures.get("pairs"))
    rows = [
        (_words(key), shown(value))
        for key, value in figures.items()
        if key not in ("texts", "pairs")
    ]
    title = (
        f"### {_words(name).capitalize()} ({count} {'pairs' if 'pairs' in figures else 'texts'})"
    )
    return f"{title}\n\n{_rows(('Figure', 'Estimate'), rows)}"


def _reliability(name: str, found: Findings) -> str:
    rows = [
        (f"{row['from']:.1f}", str(int(row["texts"])), f"{row['sure']:.2f}", f"{row['right']:.2f}")
        for row in found.reliability
    ]
    return f"{name}:\n\n{_rows(('From', 'Texts', 'Sure', 'Right'), rows)}"


def _care(points: Sequence[Care]) -> str:
    """Right, and in brackets the share of texts that was read carefully for it."""
    figures = list(points[0].right)
    rows = [
        (
            f"{point.below:g}",
            *(f"{point.right[name][1]:.3f} ({point.right[name][0]:.0%})" for name in figures),
        )
        for point in points
    ]
    return _rows(("Read carefully below", *figures), rows)


def _areas(found: Findings) -> str:
    """Precision takes acceptable tags as right; recall asks for the right ones."""
    rows = [
        (
            each.area,
            str(each.texts),
            str(each.tagged),
            "" if each.precision is None else f"{each.precision:.2f}",
            f"{found.recall[each.area]:.2f}" if each.area in found.recall else "",
        )
        for each in found.areas
    ]
    return _rows(("Area", "Texts", "Tagged", "Precision", "Recall"), rows)


def _confusions(found: Findings) -> str:
    rows = [(main, guess, str(count)) for main, guess, count in found.confusions]
    return _rows(("Main area", "First guess", "Texts"), rows)


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _words(name: str) -> str:
    return name.replace("_", " ")
