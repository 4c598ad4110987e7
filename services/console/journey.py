"""Decides how an item's way is told: each step in order, and where it stands now, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.deadletters.letter import DeadLetter, State
from services.queues.item_history import ItemHistory
from services.routing.decision import Decision
from services.stages.stage import CLASSIFIER, ROUTER, STAGES
from services.tracing.hop import Hop


@dataclass(frozen=True, slots=True)
class StageHop:
    """What a stage did with one record; seconds from its publishing, and from being taken up."""

    stage: str
    service: str
    version: str
    topic: str
    partition: int
    offset: int
    sent_at: datetime
    at: datetime
    waited_seconds: float
    took_seconds: float
    outcome: str
    attempts: int
    error: str | None
    redrive: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """A department that the router chose, and the rule by which it did."""

    department: str
    role: str
    rule: str


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """A routing decision: by which rules and model, for whom."""

    at: datetime
    revision: int
    rule_version: str
    model_version: str
    areas: tuple[str, ...]
    abstained: str | None
    departments: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Journey:
    """All that is known of one item's way; without what people wrote, unless `text` was asked for.

    `accepted_at` is `None` where intake has no receipt, `published_at` while it waits in the
    outbox. `gaps` say what could not be read, and why.
    """

    id: str
    reference: str | None
    trace_id: str | None
    organisation: str | None
    accepted_at: datetime | None
    published_at: datetime | None
    hops: tuple[StageHop, ...]
    decisions: tuple[DecisionMade, ...]
    items: tuple[ItemHistory, ...]
    dead_letters: tuple[DeadLetter, ...]
    gaps: tuple[str, ...] = ()
    text: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether anything at all is known of it."""
        known = (self.hops, self.decisions, self.items, self.dead_letters)
        return self.accepted_at is not None or any(known)


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the story. `waited` and `took` in seconds, `place` is topic/partition@offset."""

    at: datetime
    what: str
    waited: float | None = None
    took: float | None = None
    service: str = ""
    version: str = ""
    place: str = ""
    attempts: int | None = None
    detail: str = ""


def stage_hop(hop: Hop, prefix: str) -> StageHop:
    """A hop with the name that operators know its stage by."""
    names = {stage.group_name(prefix): stage.name for stage in STAGES}
    return StageHop(
        stage=names.get(hop.group, hop.group),
        service=hop.service,
        version=hop.version,
        topic=hop.topic,
        partition=hop.partition,
        offset=hop.offset,
        sent_at=hop.sent_at,
        at=hop.finished_at,
        waited_seconds=hop.waited_seconds,
        took_seconds=hop.took_seconds,
        outcome=hop.outcome,
        attempts=hop.attempts,
        error=hop.error,
        redrive=hop.redrive,
    )


def decision_made(decision: Decision) -> DecisionMade:
    """A decision without the reasons in words."""
    return DecisionMade(
        at=decision.decided_at,
        revision=decision.revision,
        rule_version=decision.rule_version,
        model_version=decision.model_version,
        areas=tuple(each.area for each in decision.areas),
        abstained=decision.abstained,
        departments=tuple(
            Choice(each.department, each.role, each.rule) for each in decision.departments
        ),
    )


def tell(journey: Journey) -> list[Step]:
    """Every step in order of time."""
    steps: list[Step] = []
    if journey.accepted_at is not None:
        steps.append(Step(journey.accepted_at, "accepted", service="intake"))
    steps += [_hop_step(each) for each in journey.hops]
    for decision in journey.decisions:
        steps.append(_decision_step(decision))
    for item in journey.items:
        steps += _item_steps(item)
    for letter in journey.dead_letters:
        steps += _letter_steps(letter)
    return sorted(steps, key=lambda each: each.at)


def _hop_step(hop: StageHop) -> Step:
    words = [] if hop.outcome == "handled" else [hop.outcome, hop.error or ""]
    if hop.redrive:
        words.append(f"redriven by {hop.redrive}")
    return Step(
        hop.at,
        hop.stage,
        hop.waited_seconds,
        hop.took_seconds,
        hop.service,
        hop.version,
        f"{hop.topic}/{hop.partition}@{hop.offset}",
        hop.attempts,
        ", ".join(word for word in words if word),
    )


def _decision_step(decision: DecisionMade) -> Step:
    chosen = ", ".join(
        f"{each.department} {each.role} by {each.rule}" for each in decision.departments
    )
    about = decision.abstained or ", ".join(decision.areas)
    versions = f"rules {decision.rule_version}, model {decision.model_version}"
    return Step(decision.at, "decided", service="router", detail=f"{about}: {chosen}; {versions}")


def _item_steps(item: ItemHistory) -> list[Step]:
    what = f"queued for {item.department}"
    steps = [Step(item.queued_at, what, detail=f"{item.role}{_leases(item)}")]
    if item.ended_at is not None:
        ended = "acknowledged" if item.state == "settled" else item.state
        waited = (item.ended_at - item.queued_at).total_seconds()
        note = item.note or ""
        steps.append(Step(item.ended_at, f"{ended} by {item.department}", waited, detail=note))
    return steps


def _leases(item: ItemHistory) -> str:
    if item.lease_until is None:
        return ", never received"
    held = "given back" if item.lease_released else f"last lease until {item.lease_until:%H:%M:%S}Z"
    return f", received {item.receive_count} times, {held}"


def _letter_steps(letter: DeadLetter) -> list[Step]:
    place = f"{letter.dead_topic}/{letter.dead_partition}@{letter.dead_offset}"
    detail = f"{letter.error}: {letter.reason}; {letter.state}; {letter.id}"
    steps = [
        Step(
            letter.last_at,
            "to dead letters",
            service=letter.service,
            version=letter.version,
            place=place,
            attempts=letter.attempts,
            detail=detail,
        )
    ]
    for claim in letter.claims:
        what = f"redriven by {claim.redrive}"
        steps.append(Step(claim.at, what, detail=claim.failed or f"redrive {claim.count} of it"))
    if letter.discard is not None:
        ended = letter.discard
        steps.append(Step(ended.at, f"discarded by {ended.by}", detail=ended.reason))
    return steps


def standing(journey: Journey) -> str:
    """Where the item is now, and what holds it up if something does."""
    held = [each for each in journey.dead_letters if each.state is State.WAITING]
    if held:
        return f"Given up by {held[0].service}: waits in the dead letters as {held[0].id}"
    if journey.items:
        return _queues(journey.items)
    if journey.decisions:
        return "Decided, and not on a queue yet"
    done = {each.stage for each in journey.hops if each.outcome == "handled"}
    if ROUTER.name in done:
        return "Routed, and neither its decision nor its items are there any more"
    if CLASSIFIER.name in done:
        return "Tagged, and waits for the router"
    if any(each.state is State.DISCARDED for each in journey.dead_letters):
        return "Given up and discarded"
    if journey.accepted_at is not None and journey.published_at is None:
        return "Accepted, and waits in the outbox to be published"
    return "Published, and waits for the classifier"


def _queues(items: Sequence[ItemHistory]) -> str:
    counts = {
        "acknowledged": sum(each.state == "settled" for each in items),
        "waiting": sum(each.state == "waiting" for each in items),
    }
    counts["ended otherwise"] = len(items) - sum(counts.values())
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"On {len(items)} department queue{'s' if len(items) > 1 else ''}: {told}"
