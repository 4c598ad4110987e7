"""What a consumer has done since its process started, for whoever reports it."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counts of records by outcome (handled, dead, skipped, rewound, retried) of one group."""

    topic: str
    group: str
    part: str
    counts: Counter[str] = field(default_factory=Counter)
