"""Decides how the pipeline is, from what processes report, people want, and Kafka holds."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain

from services.console.notice import Notice
from services.runtime.controls import Control, Mark
from services.stages.report import Consumed, Report, State
from services.stages.stage import Stage

# processes report each second; one that is held up for a moment is not gone
SILENT_AFTER = timedelta(seconds=10)


class Condition(StrEnum):
    """How a process is, or the best of those of a service.

    `silent`: it ran and has not reported since. `absent`: none has reported within a day.
    `unknown`: nobody could be asked, because MongoDB is away.
    """

    RUNNING = "running"
    REFUSED = "refused to start"
    SILENT = "silent"
    STOPPED = "stopped"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process. `since` is when it started, refused, stopped, or was heard of last."""

    service: str
    instance: str
    version: str
    condition: Condition
    since: datetime
    ready: bool
    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Flow:
    """What Kafka holds of a stage's topic: records behind, when the oldest of them was written,
    and how many were written a second over the last minute.
    """

    lag: int
    oldest_at: datetime | None
    arriving: float


@dataclass(frozen=True, slots=True)
class StageStatus:
    """One consumer over all its processes; rates in records a second, ages in seconds.

    `ready` is whether one of them can work; `reasons` say why others cannot, and are of this stage
    and of what its process shares, not of its other stages. `progress_seconds` is
    the age of the last completed poll, of the process where it is oldest. What is `None` is not
    known: Kafka or MongoDB is away. `dead` and `retried` count since the processes started.
    """

    name: str
    service: str
    does: str
    condition: Condition
    since: datetime | None = None
    reason: str | None = None
    ready: bool = False
    reasons: Mapping[str, str] = field(default_factory=dict)
    rate: float | None = None
    arriving: float | None = None
    lag: int | None = None
    oldest_seconds: float | None = None
    progress_seconds: float | None = None
    dead: int = 0
    retried: int = 0
    paused: Mark | None = None
    fuse: Mark | None = None
    versions: tuple[str, ...] = ()
    instances: int = 0


@dataclass(frozen=True, slots=True)
class DepartmentStatus:
    """A department's queue."""

    department: str
    slug: str
    waiting: int
    in_flight: int
    dead: int
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """Accepted feedback that is not on Kafka yet; `most` when there are more than were counted."""

    receipts: int
    most: bool
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class DeadLettersStatus:
    """Dead letters of one topic that wait for a decision."""

    topic: str
    waiting: int


@dataclass(frozen=True, slots=True)
class Dependency:
    """Kafka or MongoDB, and what is the matter with it."""

    name: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class DiskStatus:
    """The disk of MongoDB's data, in bytes; on one machine it is often Kafka's as well."""

    used: int
    total: int

    @property
    def share(self) -> float:
        """How full it is, from 0 to 1."""
        return self.used / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """The pipeline at one moment; `None` and empty where Kafka or MongoDB could not be asked."""

    at: datetime
    attention: tuple[Notice, ...]
    kafka: Dependency
    mongo: Dependency
    stages: tuple[StageStatus, ...]
    processes: tuple[ProcessStatus, ...]
    departments: tuple[DepartmentStatus, ...] | None
    counted_at: datetime | None
    outbox: OutboxStatus | None
    dead_letters: tuple[DeadLettersStatus, ...] | None
    disk: DiskStatus | None = None


def process_status(report: Report, now: datetime) -> ProcessStatus:
    """How a process is, by its last report."""
    condition = {
        State.RUNNING: Condition.RUNNING if _is_heard(report, now) else Condition.SILENT,
        State.REFUSED: Condition.REFUSED,
        State.STOPPED: Condition.STOPPED,
    }[report.state]
    running = condition is Condition.RUNNING
    return ProcessStatus(
        service=report.service,
        instance=report.instance,
        version=report.version,
        condition=condition,
        since=report.started_at if running else report.at,
        ready=running and report.ready,
        reasons={"start": report.reason} if report.reason else dict(report.reasons),
    )


def stage_status(
    stage: Stage,
    prefix: str,
    reports: Sequence[Report] | None,
    control: Control | None,
    flow: Flow | None,
    now: datetime,
) -> StageStatus:
    """How a stage is; `reports` of all services, `None` where they could not be read."""
    own = [each for each in reports or () if each.service == stage.service]
    running = [each for each in own if each.state is State.RUNNING and _is_heard(each, now)]
    group = stage.group_name(prefix)
    consumed = [(each, mine) for each in running for mine in each.consumed if mine.group == group]
    counts = _sum(mine for _, mine in consumed)
    condition, since, reason = _condition(reports, own, running, now)
    return StageStatus(
        name=stage.name,
        service=stage.service,
        does=stage.does,
        condition=condition,
        since=since,
        reason=reason,
        ready=any(each.lets_work(mine) for each, mine in consumed),
        reasons=dict(chain.from_iterable(each.reasons_of(mine).items() for each, mine in consumed)),
        rate=sum(mine.rate for _, mine in consumed) if running else None,
        arriving=flow.arriving if flow else None,
        lag=flow.lag if flow else None,
        oldest_seconds=age(flow.oldest_at, now) if flow else None,
        progress_seconds=max(
            (mine.polled_age + (now - each.at).total_seconds() for each, mine in consumed),
            default=None,
        ),
        dead=counts["dead"],
        retried=counts["retried"],
        paused=control.paused if control else None,
        fuse=control.fuse if control else None,
        versions=tuple(sorted({each.version for each in running})),
        instances=len(running),
    )


def _condition(
    reports: Sequence[Report] | None,
    own: Sequence[Report],
    running: Sequence[Report],
    now: datetime,
) -> tuple[Condition, datetime | None, str | None]:
    """The best condition of a service's processes, since when, and why it is none better."""
    if reports is None:
        return Condition.UNKNOWN, None, None
    if running:
        return Condition.RUNNING, min(each.started_at for each in running), None
    if not own:
        return Condition.ABSENT, None, None
    last = max(own, key=lambda each: each.at)
    return process_status(last, now).condition, last.at, last.reason


def _is_heard(report: Report, now: datetime) -> bool:
    return now - report.at <= SILENT_AFTER


def _sum(consumed: Iterable[Consumed]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for each in consumed:
        counts.update(each.counts)
    return counts


def age(moment: datetime | None, now: datetime) -> float | None:
    """Seconds since a moment, where there is one."""
    return max(0.0, (now - moment).total_seconds()) if moment else None
