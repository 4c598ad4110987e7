"""Decides whether one feedback is accounted for: pure, from what was seen and how far stages are.

Each stage's place was noted after its topic was read and before what follows from it was: what a
stage had read by then must show its effect in what was read later, and what it had not waits there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.console.verification.evidence import Evidence, Kind, Letter
from services.console.verification.fault import Fault, FaultKind
from services.console.verification.standing import (
    EFFECTS,
    READS,
    Horizon,
    Standing,
    oldest_unread,
    stand,
    took_effect,
)
from services.deadletters.letter import State
from services.queues.item import item_id
from services.stages.stage import CLASSIFIER, ROUTER, STAGES, Stage

_NO_EFFECT = {CLASSIFIER.name: FaultKind.NEVER_TAGGED, ROUTER.name: FaultKind.NEVER_ROUTED}
_LEFT = (State.WAITING, State.DISCARDED, State.REDRIVING)


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
    case = _Case(evidence, horizon)
    faults = tuple(case.faults())
    if not evidence.in_period:
        return Judgement(None, faults)
    if faults:
        return Judgement(Outcome.FAULTY, faults)
    if case.is_left_at(CLASSIFIER) or case.is_left_at(ROUTER):
        return Judgement(Outcome.DEAD_LETTER, faults)
    delivered = evidence.on(Kind.ROUTED) and not case.waits_anywhere()
    return Judgement(Outcome.DELIVERED if delivered else Outcome.ON_ITS_WAY, faults)


class _Case:
    def __init__(self, evidence: Evidence, horizon: Horizon) -> None:
        self._evidence = evidence
        self._horizon = horizon
        self._standings = {stage.name: stand(evidence, stage, horizon) for stage in STAGES}

    def faults(self) -> Iterator[Fault]:
        """All of them, in the order of an item's way."""
        found = self._evidence
        if found.reference is None:
            if found.records or found.departments is not None or found.items:
                yield self._fault(
                    FaultKind.NO_RECEIPT, "is on its way, and nobody accepted it: find who sent it"
                )
        elif found.in_period and not self._went_on():
            yield self._unpublished()
        for stage in STAGES:
            yield from self._at_stage(stage)
        yield from self._on_queues()
        yield from self._redrives()

    def is_left_at(self, stage: Stage) -> bool:
        """Whether this stage gave it up, and its dead letter waits, or somebody ended it."""
        return any(
            letter.stage == stage.name and letter.state in _LEFT
            for letter in self._evidence.letters
        )

    def waits_anywhere(self) -> bool:
        """Whether any stage has not read it yet."""
        return Standing.WAITING in self._standings.values()

    def _went_on(self) -> bool:
        found = self._evidence
        return bool(found.records or found.letters or found.items or found.departments is not None)

    def _unpublished(self) -> Fault:
        since = self._evidence.accepted_at
        if self._evidence.published:
            return self._fault(
                FaultKind.LOST_AFTER_PUBLISHING,
                "was published, and is neither on feedback.received nor further: publish it again"
                " from its receipt",
                since=since,
            )
        return self._fault(
            FaultKind.NEVER_PUBLISHED,
            "is only in the outbox: see whether intake runs and Kafka takes records",
            stage="intake",
            since=since,
        )

    def _at_stage(self, stage: Stage) -> Iterator[Fault]:
        """Stuck before it, or read by it to no effect."""
        standing, shows = self._standings[stage.name], stage.name in EFFECTS
        if shows and took_effect(self._evidence, stage):
            return
        if standing is Standing.STUCK:
            waiting = oldest_unread(self._evidence, stage, self._horizon)
            assert waiting is not None
            yield self._fault(
                FaultKind.STUCK,
                f"waits for {stage.name} at partition {waiting.partition}, offset"
                f" {waiting.offset} of {stage.topic.name}: see status for why it does not read on",
                stage=stage.name,
                since=waiting.at,
            )
        elif standing is Standing.PASSED and shows and self._answers_for_effect(stage):
            yield self._without_effect(stage)

    def _answers_for_effect(self, stage: Stage) -> bool:
        """Not where a dead letter or its redrive does; nor for records so old that what came of
        them may lie before what was read.
        """
        seen = self._evidence.on(READS[stage.name])
        recent = any(each.at >= self._horizon.start for each in seen)
        return recent and not self._has_letter(stage)

    def _has_letter(self, stage: Stage) -> bool:
        return any(letter.stage == stage.name for letter in self._evidence.letters)

    def _without_effect(self, stage: Stage) -> Fault:
        last = max(self._evidence.on(READS[stage.name]), key=lambda each: each.at)
        half = stage is ROUTER and self._evidence.departments is not None
        missing = EFFECTS[stage.name].name.lower()
        return self._fault(
            _NO_EFFECT[stage.name],
            f"was read by {stage.name} (partition {last.partition}, offset {last.offset} of"
            f" {stage.topic.name})"
            + (", has a decision," if half else "")
            + f" and is neither on feedback.{missing} nor among the dead letters",
            stage=stage.name,
            since=last.at,
        )

    def _on_queues(self) -> Iterator[Fault]:
        """One item for each department that was chosen, and no other."""
        found = self._evidence
        for each in found.items:
            if each.id != item_id(found.feedback_id, each.department):
                yield self._fault(
                    FaultKind.DOUBLED_ITEM,
                    f"is on {each.department}'s queue under an id that is not its own: discard it",
                    subject=each.id,
                    since=each.created_at,
                )
            elif self._is_unchosen(each.department, each.created_at):
                yield self._fault(
                    FaultKind.ITEM_WITHOUT_DECISION,
                    f"is on {each.department}'s queue, and no decision chose that department",
                    subject=each.id,
                    since=each.created_at,
                )
        if self._was_enqueued():
            queued = {each.department for each in found.items}
            for department in sorted((found.departments or frozenset()) - queued):
                yield self._fault(
                    FaultKind.NO_QUEUE_ITEM,
                    f"was routed to {department} and is not on its queue: redeliver its"
                    " feedback.tagged",
                    stage=ROUTER.name,
                    subject=item_id(found.feedback_id, department),
                )

    def _is_unchosen(self, department: str, created_at: datetime) -> bool:
        """Decisions come before items; of a receipt from before the period they were not read."""
        found = self._evidence
        if found.departments is not None:
            return department not in found.departments
        judged = found.in_period or found.reference is None
        return judged and created_at < self._horizon.decisions_at

    def _was_enqueued(self) -> bool:
        """Items come before the routed event, and before the router moves on."""
        if self._evidence.on(Kind.ROUTED):
            return True
        return self._standings[ROUTER.name] is Standing.PASSED and not self._has_letter(ROUTER)

    def _redrives(self) -> Iterator[Fault]:
        for letter in self._evidence.letters:
            redriven = letter.state is State.REDRIVEN and letter.stage in READS
            if redriven and self._horizon.start <= letter.at:
                yield from self._redriven(letter)

    def _redriven(self, letter: Letter) -> Iterator[Fault]:
        """Its record is on the topic, and once read it took effect."""
        stage = next(each for each in STAGES if each.name == letter.stage)
        if stage.name in EFFECTS and took_effect(self._evidence, stage):
            return
        place = self._horizon.places[stage.name]
        records = [
            each
            for each in self._evidence.on(READS[stage.name])
            if each.letter_id == letter.id and each.count >= letter.redrives
        ]
        unread = [each for each in records if each.offset >= place.passed.get(each.partition, 0)]
        if not records and letter.at <= place.at - self._horizon.settle:
            what = f"was redriven by {letter.redrive} and is not on {stage.topic.name}"
        elif records and not unread and stage.name in EFFECTS:
            what = f"was redriven by {letter.redrive}, read by {stage.name}, and nothing came of it"
        else:
            return
        yield self._fault(
            FaultKind.REDRIVE_WITHOUT_EFFECT,
            f"{what}: see dead-letters show {letter.id}",
            stage=stage.name,
            subject=letter.id,
            since=letter.at,
        )

    def _fault(
        self,
        kind: FaultKind,
        detail: str,
        *,
        stage: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
    ) -> Fault:
        found = self._evidence
        return Fault(kind, detail, found.feedback_id, found.reference, stage, subject, since)
