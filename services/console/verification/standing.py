"""Decides where one feedback stands at a stage: pure, from its records and how far stages are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.console.verification.evidence import Evidence, Kind, Seen
from services.stages.stage import CLASSIFIER, ROUTER, STAGES, Stage

_TOPICS = {
    "feedback.received": Kind.RECEIVED,
    "feedback.tagged": Kind.TAGGED,
    "feedback.routed": Kind.ROUTED,
    "feedback.progressed": Kind.PROGRESSED,
}
READS: Mapping[str, Kind] = {each.name: _TOPICS[each.topic.name] for each in STAGES}

# what shows that a stage did its work, where its work shows on a topic
EFFECTS: Mapping[str, Kind] = {CLASSIFIER.name: Kind.TAGGED, ROUTER.name: Kind.ROUTED}


@dataclass(frozen=True, slots=True)
class Place:
    """How far a stage had read, by partition, and when that was noted."""

    passed: Mapping[int, int]
    at: datetime


@dataclass(frozen=True, slots=True)
class Horizon:
    """What evidence is judged by: what lies before `start` was not read, decisions were read from
    then on until `decisions_at`, and what waits for longer than `settle` is stuck.
    """

    start: datetime
    settle: timedelta
    places: Mapping[str, Place]
    decisions_at: datetime


class Standing(StrEnum):
    """Where a feedback stands at one stage."""

    ABSENT = "absent"  # nothing of it is on the stage's topic
    WAITING = "waiting"  # not read yet, and not for long
    STUCK = "stuck"
    PASSED = "passed"


def stand(evidence: Evidence, stage: Stage, horizon: Horizon) -> Standing:
    """Where the feedback stands at this stage."""
    waiting = oldest_unread(evidence, stage, horizon)
    if waiting is None:
        return Standing.PASSED if evidence.on(READS[stage.name]) else Standing.ABSENT
    old = waiting.at <= horizon.places[stage.name].at - horizon.settle
    return Standing.STUCK if old else Standing.WAITING


def oldest_unread(evidence: Evidence, stage: Stage, horizon: Horizon) -> Seen | None:
    """The oldest of its records that the stage had not read."""
    passed, kind = horizon.places[stage.name].passed, READS[stage.name]
    unread = [
        each
        for each in evidence.records
        if each.kind is kind and each.offset >= passed.get(each.partition, 0)
    ]
    return min(unread, key=lambda each: each.at) if unread else None


def took_effect(evidence: Evidence, stage: Stage) -> bool:
    """Whether what the stage makes of it is there."""
    if evidence.on(EFFECTS[stage.name]):
        return True
    # what is decided was tagged, whatever became of the event that said so
    return stage == CLASSIFIER and evidence.departments is not None
