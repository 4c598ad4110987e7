"""Decides whether one feedback is accounted for: pure, from what was seen and how far stages are.

Each stage's place was noted after its topic was read and before what follows from it was: what a
stage had read by then must show its effect in what was read later, and what it had not waits there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from services.console.verification.case import Case
from services.console.verification.evidence import Evidence, Letter
from services.console.verification.fault import Fault, FaultKind
from services.console.verification.standing import (
    EFFECTS,
    READS,
    Horizon,
    Standing,
    oldest_unread,
    took_effect,
)
from services.deadletters.letter import State
from services.queues.item import item_id
from services.stages.stage import CLASSIFIER, ROUTER, STAGES, Stage

_NO_EFFECT = {CLASSIFIER.name: FaultKind.NEVER_TAGGED, ROUTER.name: FaultKind.NEVER_ROUTED}


class Outcome(StrEnum):
    """How a receipt of the period stands; every one has just one."""

    DELIVERED = "delivered"  # on every queue that was chosen, and announced
    DEAD_LETTER = "dead_letter"  # given up, and waiting or discarded among the dead letters
    ON_ITS_WAY = "on_its_way"  # younger than `settle` in some stage
    FAULTY = "faulty"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one feedback comes to. `outcome` is None for a receipt that is not of the period."""

    outcome: Outcome | None
    faults: tuple[Fault, ...]


def judge(evidence: Evidence, horizon: Horizon) -> Judgement:
    """Every fault of one feedback, and how its receipt stands."""
    case = Case(evidence, horizon)
    faults = tuple(_faults(case))
    if not evidence.in_period:
        return Judgement(None, faults)
    if faults:
        return Judgement(Outcome.FAULTY, faults)
    if case.is_given_up:
        return Judgement(Outcome.DEAD_LETTER, ())
    if case.is_delivered:
        return Judgement(Outcome.DELIVERED, ())
    if case.is_on_its_way:
        return Judgement(Outcome.ON_ITS_WAY, ())
    return Judgement(Outcome.FAULTY, (_untraceable(case),))


def _faults(case: Case) -> Iterator[Fault]:
    """All that can be told from what is there, in the order of an item's way."""
    found = case.evidence
    if found.reference is None:
        if found.records or found.departments is not None or found.items:
            yield case.fault(
                FaultKind.NO_RECEIPT, "is on its way, and nobody accepted it: find who sent it"
            )
    elif found.in_period and not case.went_on:
        yield _unpublished(case)
    for stage in STAGES:
        yield from _at_stage(case, stage)
    yield from _on_queues(case)
    for letter in found.letters:
        if letter.state is State.REDRIVEN and letter.stage in READS:
            yield from _redriven(case, letter)


def _unpublished(case: Case) -> Fault:
    since = case.evidence.accepted_at
    if case.evidence.published:
        return case.fault(
            FaultKind.LOST_AFTER_PUBLISHING,
            "was published, and is neither on feedback.received nor further: publish it again"
            " from its receipt",
            since=since,
        )
    return case.fault(
        FaultKind.NEVER_PUBLISHED,
        "is only in the outbox: see whether intake runs and Kafka takes records",
        stage="intake",
        since=since,
    )


def _untraceable(case: Case) -> Fault:
    return case.fault(
        FaultKind.RECORDS_GONE,
        "is not on the queues of a decision, waits at no stage and is not among the dead letters;"
        " its records are gone from the topics, so that it cannot be followed: see trace, and"
        " publish it again from its receipt",
        since=case.evidence.accepted_at,
    )


def _at_stage(case: Case, stage: Stage) -> Iterator[Fault]:
    """Stuck before it, or read by it to no effect."""
    standing, shows = case.standings[stage.name], stage.name in EFFECTS
    if shows and took_effect(case.evidence, stage):
        return
    if standing is Standing.STUCK:
        waiting = oldest_unread(case.evidence, stage, case.horizon)
        assert waiting is not None
        yield case.fault(
            FaultKind.STUCK,
            f"waits for {stage.name} at partition {waiting.partition}, offset"
            f" {waiting.offset} of {stage.topic.name}: see status for why it does not read on",
            stage=stage.name,
            since=waiting.at,
        )
    elif standing is Standing.PASSED and shows and _answers_for_effect(case, stage):
        yield _without_effect(case, stage)


def _answers_for_effect(case: Case, stage: Stage) -> bool:
    """Not where a dead letter or its redrive does; nor for records so old that what came of
    them may lie before what was read.
    """
    seen = case.evidence.on(READS[stage.name])
    recent = any(each.at >= case.horizon.start for each in seen)
    return recent and not case.has_letter(stage)


def _without_effect(case: Case, stage: Stage) -> Fault:
    last = max(case.evidence.on(READS[stage.name]), key=lambda each: each.at)
    half = stage is ROUTER and case.evidence.departments is not None
    missing = EFFECTS[stage.name].name.lower()
    return case.fault(
        _NO_EFFECT[stage.name],
        f"was read by {stage.name} (partition {last.partition}, offset {last.offset} of"
        f" {stage.topic.name})"
        + (", has a decision," if half else "")
        + f" and is neither on feedback.{missing} nor among the dead letters",
        stage=stage.name,
        since=last.at,
    )


def _on_queues(case: Case) -> Iterator[Fault]:
    """One item for each department that was chosen, and no other."""
    found = case.evidence
    for each in found.items:
        if each.id != item_id(found.feedback_id, each.department):
            yield case.fault(
                FaultKind.DOUBLED_ITEM,
                f"is on {each.department}'s queue under an id that is not its own: discard it",
                subject=each.id,
                since=each.created_at,
            )
        elif case.is_unchosen(each.department, each.created_at):
            yield case.fault(
                FaultKind.ITEM_WITHOUT_DECISION,
                f"is on {each.department}'s queue, and no decision chose that department",
                subject=each.id,
                since=each.created_at,
            )
    for department in case.missing_departments if case.was_enqueued else ():
        yield case.fault(
            FaultKind.NO_QUEUE_ITEM,
            f"was routed to {department} and is not on its queue: redeliver its feedback.tagged",
            stage=ROUTER.name,
            subject=item_id(found.feedback_id, department),
        )


def _redriven(case: Case, letter: Letter) -> Iterator[Fault]:
    """Its record is on the topic, and once read it took effect."""
    stage = next(each for each in STAGES if each.name == letter.stage)
    if letter.at < case.horizon.start:
        return
    if stage.name in EFFECTS and took_effect(case.evidence, stage):
        return
    place = case.horizon.places[stage.name]
    records = [
        each
        for each in case.evidence.on(READS[stage.name])
        if each.letter_id == letter.id and each.count >= letter.redrives
    ]
    unread = [each for each in records if each.offset >= place.passed.get(each.partition, 0)]
    if not records and letter.at <= place.at - case.horizon.settle:
        what = f"was redriven by {letter.redrive} and is not on {stage.topic.name}"
    elif records and not unread and stage.name in EFFECTS:
        what = f"was redriven by {letter.redrive}, read by {stage.name}, and nothing came of it"
    else:
        return
    yield case.fault(
        FaultKind.REDRIVE_WITHOUT_EFFECT,
        f"{what}: see dead-letters show {letter.id}",
        stage=stage.name,
        subject=letter.id,
        since=letter.at,
    )
