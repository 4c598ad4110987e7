"""The catalogue of metrics is what processes emit, its page is current, its labels are bounded."""

import ast
from pathlib import Path
from typing import Any

import pytest

from deploy.observability.metrics_page import PAGE, metrics, page
from services.runtime.metric import Metric
from services.runtime.metrics import Metrics

ROOT = Path(__file__).parents[2]
MAKERS = {ROOT / "services/runtime/metric.py", ROOT / "services/runtime/metrics.py"}
MAKERS |= {ROOT / "services/runtime/catalogue.py"}


def emitting_modules() -> list[ast.Module]:
    paths = [path for path in (ROOT / "services").rglob("*.py") if path not in MAKERS]
    return [ast.parse(path.read_text()) for path in paths]


def uses(tree: ast.AST) -> set[str]:
    """The names of metrics in `metrics.<name>`, whatever holds the metrics."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not node.attr.startswith("_"):
            holder = node.value
            name = holder.attr if isinstance(holder, ast.Attribute) else getattr(holder, "id", "")
            if name.lstrip("_") == "metrics":
                found.add(node.attr)
    return found


def test_the_page_is_current() -> None:
    shown = "run `python -m deploy.observability.metrics_page` and review the difference"
    assert PAGE.read_text() == page(), shown


def test_a_process_has_the_metrics_of_the_catalogue_and_no_other() -> None:
    families = {family.name for family in Metrics().registry.collect()}
    assert families == {each.name for each in metrics().values()}


def test_every_metric_of_the_catalogue_is_emitted_by_some_code() -> None:
    made = {name for name in vars(Metrics()) if name != "registry"}
    used = set().union(*(uses(tree) for tree in emitting_modules())) - {"registry"}
    assert used <= made, "this is in no catalogue"
    assert made <= used, "nothing emits this: take it out of the catalogue"


def test_no_other_module_makes_metrics() -> None:
    for path in (ROOT / "services").rglob("*.py"):
        names = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module == "prometheus_client"
            for alias in node.names
        }
        makes = names & {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}
        assert path in MAKERS or not makes, f"{path} makes metrics of its own"


@pytest.mark.parametrize("metric", metrics().values(), ids=lambda each: each.name)
def test_a_metric_says_what_it_is_and_no_label_is_unbounded(metric: Metric[Any]) -> None:
    assert metric.name.startswith("frontline_")
    assert metric.question.endswith("?")
    assert metric.unit
    assert metric.help
    assert not metric.help.endswith(".")
    for label in metric.labels:
        assert bool(label.values) != bool(label.source), f"{label.name}: list values or say where"
        assert 0 < label.bound <= 100
    forbidden = {"feedback", "feedback_id", "id", "reference", "organisation", "key", "text"}
    assert not forbidden & {label.name for label in metric.labels}
