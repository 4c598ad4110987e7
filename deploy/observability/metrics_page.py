"""Writes the page of metrics from the catalogue: `python -m deploy.observability.metrics_page`."""

from pathlib import Path
from typing import Any

from services.runtime import catalogue
from services.runtime.metric import Label, Metric

PAGE = Path(__file__).parent / "metrics.md"

_HEAD = """# Metrics

Each process serves its metrics at `/metrics`. This page is written from
`services/runtime/catalogue.py` by `python -m deploy.observability.metrics_page`; a test fails when
it is not current.

Labels come from code and configuration, never from what a person sends.

"""


def metrics() -> dict[str, Metric[Any]]:
    """Every metric of the catalogue by its name there, in its order."""
    return {name: each for name, each in vars(catalogue).items() if isinstance(each, Metric)}


def page() -> str:
    """The page as it should be on disk."""
    return _HEAD + "\n".join(_section(each) for each in metrics().values())


def _section(metric: Metric[Any]) -> str:
    lines = [
        f"## {metric.exposed_name}",
        "",
        f"**{metric.question}**",
        "",
        f"{metric.help}.",
        "",
        f"- type: {metric.kind.__name__.lower()}, in {metric.unit}",
    ]
    lines += [f"- label `{each.name}`: {_values(each)}" for each in metric.labels]
    if metric.buckets:
        lines.append(f"- buckets up to: {', '.join(f'{each:g}' for each in metric.buckets)}")
    return "\n".join(lines) + "\n"


def _values(label: Label) -> str:
    listed = ", ".join(f"`{each}`" for each in label.values)
    return listed or f"{label.source}; {label.most} at most"


if __name__ == "__main__":
    PAGE.write_text(page())
