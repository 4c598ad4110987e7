"""Draws the report's plots as SVG, the same bytes for the same figures."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from services.classifier.evaluation.care import Care
from services.classifier.evaluation.findings import Findings

_STYLE: Any = {
    "svg.hashsalt": "frontline",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_INK = "#1d4f91"
_OTHER = "#b3541e"
_THIRD = "#3b7a57"
_FOURTH = "#7a3b7a"
_QUIET = "#8a8a8a"


def reliability_plot(named: dict[str, Findings]) -> str:
    """How sure against how often right, for each set."""
    figure, axes = _figure(5.2, 4.2)
    axes.plot([0, 1], [0, 1], color=_QUIET, linewidth=1, linestyle="--", label="perfect")
    for (name, found), colour in zip(named.items(), (_INK, _OTHER), strict=False):
        sure = [row["sure"] for row in found.reliability]
        right = [row["right"] for row in found.reliability]
        sizes = [12 + row["texts"] for row in found.reliability]
        axes.plot(sure, right, color=colour, label=name)
        axes.scatter(sure, right, s=sizes, color=colour)
    _finish(axes, "Probability of the first area", "Share that is right or acceptable")
    return _svg(figure)


def coverage_plot(named: dict[str, Findings]) -> str:
    """How right the surest share of texts is, for each set."""
    figure, axes = _figure(5.2, 4.2)
    for (name, found), colour in zip(named.items(), (_INK, _OTHER), strict=False):
        axes.plot(*zip(*found.coverage, strict=True), color=colour, label=name)
    _finish(axes, "Share of texts, the surest first", "First area right or acceptable")
    axes.set_ylim(0.4, 1.01)
    return _svg(figure)


def areas_plot(found: Findings) -> str:
    """Precision and recall of each area."""
    areas = [each for each in found.areas if each.texts]
    figure, axes = _figure(7.4, 0.24 * len(areas) + 1)
    places = range(len(areas))
    axes.barh(
        [place + 0.2 for place in places],
        [float("nan") if each.precision is None else each.precision for each in areas],
        height=0.38,
        color=_INK,
        label="precision",
    )
    axes.barh(
        [place - 0.2 for place in places],
        [found.recall.get(each.area) or 0.0 for each in areas],
        height=0.38,
        color=_OTHER,
        label="recall",
    )
    axes.set_yticks(list(places), [f"{each.area} ({each.texts})" for each in areas], fontsize=8)
    axes.set_xlim(0, 1)
    axes.invert_yaxis()
    axes.legend(loc="lower right", frameon=False)
    return _svg(figure)


def care_plot(points: Sequence[Care]) -> str:
    """How right each figure is, against the share of its texts that is read carefully."""
    figure, axes = _figure(5.6, 4.2)
    for name, colour in zip(points[0].right, (_INK, _OTHER, _THIRD, _FOURTH), strict=True):
        shares, right = zip(*(point.right[name] for point in points), strict=True)
        axes.plot(shares, right, color=colour, marker="o", label=name)
    _finish(axes, "Share of texts read carefully", "Right")
    axes.set_ylim(0.5, 1.01)
    return _svg(figure)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.add_subplot()


def _finish(axes: Axes, across: str, up: str) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, 1.01)
    axes.grid(color="#e6e6e6")
    axes.legend(frameon=False, loc="lower right")


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"
