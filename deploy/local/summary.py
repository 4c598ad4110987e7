"""Sums up where the samples went: per department, what was not recognised, and how long it took."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median, quantiles

from rich.box import SIMPLE_HEAD
from rich.table import Table

from deploy.local.outcome import Outcome

AREAS_SHOWN = 3


def departments_table(outcomes: Sequence[Outcome], names: Mapping[str, str]) -> Table:
    """A row per department that got something, the busiest first; `names` by permanent code."""
    lead: Counter[str] = Counter()
    copied: Counter[str] = Counter()
    areas: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        for item in outcome.queued:
            (lead if item.role == "lead" else copied)[item.department] += 1
            areas.setdefault(item.department, Counter()).update(outcome.areas)
    table = Table(title="On the departments' queues", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("Department", overflow="fold")
    table.add_column("Lead", justify="right")
    table.add_column("Copied", justify="right")
    table.add_column("Policy areas", overflow="fold")
    for code, _ in (lead + copied).most_common():
        counts = str(lead[code]), str(copied[code])
        table.add_row(names.get(code, code), *counts, _in_words(areas[code]))
    return table


def _in_words(areas: Counter[str]) -> str:
    shown = [f"{area} {count}" for area, count in areas.most_common(AREAS_SHOWN)]
    more = len(areas) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def abstentions(outcomes: Sequence[Outcome]) -> str:
    """How many texts the classifier gave no area, by reason; they are on the hub's queue."""
    reasons = Counter(outcome.abstained for outcome in outcomes if outcome.abstained)
    if not reasons:
        return "Abstentions: none"
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    return f"Abstentions: {reasons.total()} of {len(outcomes)} ({listed})"


def times(outcomes: Sequence[Outcome]) -> str:
    """How long it took from accepted to queued."""
    seconds = sorted(outcome.seconds for outcome in outcomes)
    if not seconds:
        return "From accepted to queued: nothing arrived"
    high = quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]
    return (
        f"From accepted to queued: median {median(seconds) * 1000:.0f} ms,"
        f" 95th percentile {high * 1000:.0f} ms, longest {seconds[-1] * 1000:.0f} ms"
    )


def from_before(outcomes: Sequence[Outcome], start: datetime) -> str | None:
    """How many had been accepted by an earlier start, if any: their times are of that start."""
    count = sum(outcome.received_at < start for outcome in outcomes)
    return (
        f"{count} of these were accepted by an earlier start, and are not sent twice"
        if count
        else None
    )
