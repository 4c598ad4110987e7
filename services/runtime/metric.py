"""What a metric is: its name, kind, unit, bounded labels, and the question that it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Kind = TypeVar("Kind", Counter, Gauge, Histogram)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
RECORDS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)


@dataclass(frozen=True, slots=True)
class Label:
    """A dimension of a metric, whose values nobody outside can invent.

    `values` are all that the code has; where they are empty, `source` says which part of code or
    configuration they are from, and `most` how many there can be.
    """

    name: str
    values: tuple[str, ...] = ()
    source: str = ""
    most: int = 0

    @property
    def bound(self) -> int:
        """How many values there can be."""
        return len(self.values) or self.most


def one_of(name: str, *values: str) -> Label:
    """A label whose values are listed."""
    return Label(name, values)


@dataclass(frozen=True, slots=True)
class Metric(Generic[Kind]):
    """One metric as the catalogue has it. `name` is without Prometheus' own `_total`."""

    kind: type[Kind]
    name: str
    unit: str
    question: str
    help: str
    labels: tuple[Label, ...] = ()
    buckets: Sequence[float] = ()

    @property
    def exposed_name(self) -> str:
        """The name as it is queried."""
        return f"{self.name}_total" if self.kind is Counter else self.name

    def make(self, registry: CollectorRegistry) -> Kind:
        """A metric that counts, on a registry."""
        options: dict[str, Any] = {"buckets": self.buckets} if self.buckets else {}
        names = [each.name for each in self.labels]
        return self.kind(self.name, self.help, names, registry=registry, **options)
