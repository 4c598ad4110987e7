"""What a process says of itself each second, for operators."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """`refused`: it ended at its start, because something only a person can mend is wrong."""

    RUNNING = "running"
    REFUSED = "refused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Consumed:
    """What one consumer of a process has done since the process started.

    `counts` are records by outcome (handled, dead, skipped, rewound, retried), `rate` the records
    handled a second over the last seconds, `polled_age` the seconds since its last completed poll.
    """

    topic: str
    group: str
    counts: Mapping[str, int]
    rate: float
    polled_age: float


@dataclass(frozen=True, slots=True)
class Report:
    """A process at one moment. `reasons` name the parts that cannot work and why, `held` those of
    them that wait for a person; `progress_ages` are seconds since each loop came round.
    """

    service: str
    instance: str
    version: str
    state: State
    at: datetime
    started_at: datetime
    reason: str | None = None
    ready: bool = False
    reasons: Mapping[str, str] = field(default_factory=dict)
    held: tuple[str, ...] = ()
    progress_ages: Mapping[str, float] = field(default_factory=dict)
    consumed: tuple[Consumed, ...] = ()
