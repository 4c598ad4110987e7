"""Decides what of the pipeline needs a person, the most urgent first, in words."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from services.console.notice import Notice, Urgency
from services.console.periods import length
from services.console.pipeline import (
    Condition,
    PipelineStatus,
    ProcessStatus,
    StageStatus,
)
from services.runtime.controls import Mark

OLD_SECONDS = 60.0
VERY_OLD_SECONDS = 600.0
STUCK_SECONDS = 60.0
UNWORKED_SECONDS = 86_400.0
FULL_SHARE = 0.85
VERY_FULL_SHARE = 0.95

# a process that went silent beside others that work: a deployment, or a machine that was lost
_RECENT = timedelta(minutes=10)
_ORDER = list(Urgency)


def attention(status: PipelineStatus) -> tuple[Notice, ...]:
    """Every notice of a status, the most urgent first, and of one urgency in the order of the way
    that feedback takes.
    """
    notices = [
        *_dependencies(status),
        *_disk(status),
        *_outbox(status),
        *_services(status),
        *_processes(status),
        *(notice for stage in status.stages for notice in _stage(stage, status)),
        *_dead_letters(status),
        *_departments(status),
    ]
    return tuple(sorted(notices, key=lambda each: _ORDER.index(each.urgency)))


def _dependencies(status: PipelineStatus) -> Iterator[Notice]:
    if status.mongo.problem:
        yield Notice(
            Urgency.NOW,
            "MongoDB",
            f"does not answer ({status.mongo.problem}): intake refuses feedback, stages wait",
            "Bring it back; what processes, outbox and queues are like is not known until then.",
        )
    if status.kafka.problem:
        yield Notice(
            Urgency.NOW,
            "Kafka",
            f"does not answer ({status.kafka.problem}): accepted feedback waits in the outbox",
            "Bring it back; nothing is lost, and stages go on where they were.",
        )


def _disk(status: PipelineStatus) -> Iterator[Notice]:
    disk = status.disk
    if disk is None or disk.share < FULL_SHARE:
        return
    left = (disk.total - disk.used) / 1024**3
    yield Notice(
        Urgency.NOW if disk.share >= VERY_FULL_SHARE else Urgency.SOON,
        "disk",
        f"the disk of MongoDB's data is {disk.share:.0%} full, {left:.1f} GiB are left",
        "Make room before it is full: the runbook of a full disk says where.",
    )


def _outbox(status: PipelineStatus) -> Iterator[Notice]:
    outbox = status.outbox
    if outbox is None or outbox.oldest_seconds is None or outbox.oldest_seconds < OLD_SECONDS:
        return
    number = f"{outbox.receipts:,}{' or more' if outbox.most else ''}"
    yield Notice(
        Urgency.NOW,
        "outbox",
        f"{number} accepted, not published, the oldest for {length(outbox.oldest_seconds)}",
        "Look whether intake runs and reaches Kafka: it publishes them by itself.",
    )


def _services(status: PipelineStatus) -> Iterator[Notice]:
    """Services of which no process runs."""
    told = set()
    for stage in status.stages:
        if stage.service in told or stage.condition in (Condition.RUNNING, Condition.UNKNOWN):
            continue
        told.add(stage.service)
        since = _for(stage.since, status.at)
        about = stage.service
        if stage.condition is Condition.REFUSED:
            what = f"refused to start {since} ago: {stage.reason}"
            do = "Mend that and start it again."
        elif stage.condition is Condition.SILENT:
            what, do = f"has been silent for {since}", "Look at its log and start it again."
        elif stage.condition is Condition.STOPPED:
            what, do = f"was stopped {since} ago", "Start it."
        else:
            what, do = "has not reported within a day", "Start it."
        yield Notice(Urgency.NOW, about, what, do)


def _processes(status: PipelineStatus) -> Iterator[Notice]:
    """Processes that do not run beside others of their service that do, and mixed versions."""
    running = {each.service for each in status.stages if each.condition is Condition.RUNNING}
    for process in status.processes:
        if process.service in running:
            yield from _straggler(process, status.at)
    versions = {each.service: each.versions for each in status.stages if len(each.versions) > 1}
    for service, found in versions.items():
        yield Notice(
            Urgency.NOTE,
            service,
            f"runs in versions {' and '.join(found)}",
            "Finish the deployment, or take it back.",
        )


def _straggler(process: ProcessStatus, now: datetime) -> Iterator[Notice]:
    if process.condition not in (Condition.REFUSED, Condition.SILENT):
        return
    if now - process.since > _RECENT:
        return
    since = _for(process.since, now)
    what = f"refused to start {since} ago: {process.reasons.get('start', 'no reason given')}"
    if process.condition is Condition.SILENT:
        what = f"has been silent for {since}"
    yield Notice(
        Urgency.SOON,
        f"{process.service} at {process.instance}",
        f"{what}, while others of it run",
        "Look at its log, or leave it if it was replaced.",
    )


def _stage(stage: StageStatus, status: PipelineStatus) -> Iterator[Notice]:
    now = status.at
    if stage.fuse is not None:
        yield Notice(
            Urgency.NOW,
            stage.name,
            f"stopped itself {_for(stage.fuse.at, now)} ago: {stage.fuse.reason}",
            f"Mend the cause, then: fuse reset {stage.name} --reason '…'",
        )
    if stage.paused is not None:
        yield Notice(
            Urgency.SOON,
            stage.name,
            f"has been paused for {_for(stage.paused.at, now)} {_by(stage.paused)}",
            f"When it may go on: resume {stage.name} --reason '…'",
        )
    works = stage.ready or _is_held(stage) or _lacks_kafka_alone(stage, status)
    if stage.condition is Condition.RUNNING and not works:
        why = "; ".join(f"{part}: {reason}" for part, reason in stage.reasons.items())
        yield Notice(
            Urgency.NOW,
            stage.name,
            f"runs and cannot work: {why or 'it gives no reason'}",
            "Mend what it names; it goes on by itself.",
        )
    yield from _behind(stage)


def _behind(stage: StageStatus) -> Iterator[Notice]:
    """What a lag means: nothing, while its oldest record is young."""
    if not stage.lag or (stage.oldest_seconds or 0.0) < OLD_SECONDS:
        return
    what = f"{stage.lag:,} records wait, the oldest for {length(stage.oldest_seconds or 0.0)}"
    urgency = Urgency.SOON if (stage.oldest_seconds or 0.0) < VERY_OLD_SECONDS else Urgency.NOW
    do = "It goes on by itself when what else is said of it is mended."
    if stage.condition is Condition.RUNNING and not _is_held(stage) and stage.ready:
        if (stage.progress_seconds or 0.0) >= STUCK_SECONDS:
            urgency = Urgency.NOW
            what += f"; it has not polled for {length(stage.progress_seconds or 0.0)}"
            do = "It should end by itself and start anew; if it does not, restart it."
        else:
            what, do = _pace(stage, what)
    yield Notice(urgency, stage.name, what, do)


def _pace(stage: StageStatus, what: str) -> tuple[str, str]:
    """Whether a stage that works catches up."""
    rate, arriving = stage.rate or 0.0, stage.arriving or 0.0
    if rate > arriving:
        left = length((stage.lag or 0) / (rate - arriving))
        return f"{what}; at {rate:,.0f} a second it catches up in {left}", "Wait, or add processes."
    return (
        f"{what}; it handles {rate:,.0f} a second and {arriving:,.0f} arrive",
        f"Add processes of {stage.service}, or find out what slows it down.",
    )


def _dead_letters(status: PipelineStatus) -> Iterator[Notice]:
    for each in status.dead_letters or ():
        if each.waiting:
            yield Notice(
                Urgency.SOON,
                each.topic,
                f"{each.waiting:,} dead letters wait for a decision",
                f"dead-letters list --topic {each.topic}",
            )


def _departments(status: PipelineStatus) -> Iterator[Notice]:
    for each in status.departments or ():
        if each.dead:
            yield Notice(
                Urgency.SOON,
                each.slug,
                f"{each.dead:,} items of its queue are dead",
                f"dead-letters list --department {each.department}",
            )
        if (each.oldest_seconds or 0.0) < UNWORKED_SECONDS:
            continue
        age = length(each.oldest_seconds or 0.0)
        if each.in_flight:
            what = f"{each.waiting:,} items wait, the oldest for {age}; some are being worked"
            yield Notice(Urgency.NOTE, each.slug, what, "Ask the department whether it keeps up.")
        else:
            what = f"its queue stands still: {each.waiting:,} wait, the oldest for {age}"
            yield Notice(Urgency.SOON, each.slug, what, "Ask the department to receive them.")


def _lacks_kafka_alone(stage: StageStatus, status: PipelineStatus) -> bool:
    """Whether what it lacks is said already."""
    reasons = stage.reasons.values()
    return status.kafka.problem is not None and all("Kafka: " in reason for reason in reasons)


def _is_held(stage: StageStatus) -> bool:
    return stage.paused is not None or stage.fuse is not None


def _by(mark: Mark) -> str:
    return f"by {mark.by}: {mark.reason}"


def _for(moment: datetime | None, now: datetime) -> str:
    return length(max(0.0, (now - moment).total_seconds())) if moment else "some time"
