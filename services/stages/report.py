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
    handled a second over the last seconds, `polled_age` the seconds since its last completed poll,
    `part` its name among the parts of the process; processes of earlier versions do not say it.
    """

    topic: str
    group: str
    counts: Mapping[str, int]
    rate: float
    polled_age: float
    part: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A process at one moment; a kept report is dated by MongoDB's clock. `reasons` name the parts
    that cannot work and why, `held` those of them that wait for a person; it can be `ready` without
    some parts. `progress_ages` are seconds since each loop came round.
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

    def lets_work(self, consumer: Consumed) -> bool:
        """Whether one of its consumers can work. The process may be ready without it; or not be,
        for the sake of another consumer alone.
        """
        reasons = self.reasons_of(consumer)
        return consumer.part not in reasons and (self.ready or not reasons)

    def reasons_of(self, consumer: Consumed) -> dict[str, str]:
        """The reasons of this consumer's part, and of what all its consumers share."""
        others = {each.part for each in self.consumed} - {consumer.part}
        return {part: reason for part, reason in self.reasons.items() if part not in others}
