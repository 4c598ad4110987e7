"""What `verify` makes of one feedback: every fault by its name, and no fault in what is sound."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.console.verification.evidence import Evidence, Kind, Letter, Seen
from services.console.verification.fault import FaultKind
from services.console.verification.judging import Outcome, judge
from services.console.verification.standing import Horizon, Place
from services.deadletters.letter import State
from services.queues.item_state import ItemState
from services.stages.stage import STAGES
from tests.builders import NOON, feedback_id, reference

SETTLE = timedelta(seconds=60)
LONG_AGO = NOON - timedelta(minutes=30)
JUST_NOW = NOON - timedelta(seconds=5)
LETTER = "0c6f2d0e-8f64-5c0b-8a54-6b1f6f0f6a43"
ALL_READ = {each.name: 1_000 for each in STAGES}


def horizon(**passed: int) -> Horizon:
    """Stages that had read everything but what is named, underscores for hyphens."""
    offsets = ALL_READ | {name.replace("_", "-"): offset for name, offset in passed.items()}
    places = {name: Place({0: offset}, NOON) for name, offset in offsets.items()}
    return Horizon(NOON - timedelta(hours=1), SETTLE, places, NOON - SETTLE)


def seen(kind: Kind, offset: int = 7, at: datetime = LONG_AGO, **more: Any) -> Seen:
    return Seen(kind, 0, offset, at, **more)


def item(department: str, **changes: Any) -> ItemState:
    fields: dict[str, Any] = {
        "id": f"{feedback_id(1)}:{department}",
        "feedback_id": feedback_id(1),
        "department": department,
        "state": "waiting",
        "receive_count": 0,
        "created_at": LONG_AGO,
        "lease_until": None,
        "settled_at": None,
    }
    return ItemState(**(fields | changes))


def letter(stage: str, state: State, at: datetime = LONG_AGO, redrives: int = 0) -> Letter:
    return Letter(LETTER, stage, state, redrives, at, "mended")


def whole(**changes: Any) -> Evidence:
    """A feedback that went all the way to two departments."""
    fields: dict[str, Any] = {
        "feedback_id": feedback_id(1),
        "reference": reference(1),
        "accepted_at": LONG_AGO,
        "published": True,
        "in_period": True,
        "records": (seen(Kind.RECEIVED), seen(Kind.TAGGED), seen(Kind.ROUTED)),
        "departments": frozenset({"DWP", "MHCLG"}),
        "decided_at": LONG_AGO,
        "items": (item("DWP"), item("MHCLG")),
    }
    return Evidence(**(fields | changes))


def upto(*kinds: Kind, **changes: Any) -> Evidence:
    """A feedback of which only these records are there."""
    nothing: dict[str, Any] = {"departments": None, "decided_at": None, "items": ()}
    return whole(records=tuple(seen(kind) for kind in kinds), **(nothing | changes))


def kinds(evidence: Evidence, view: Horizon | None = None) -> list[FaultKind]:
    return [each.kind for each in judge(evidence, view or horizon()).faults]


def test_what_went_all_the_way_is_delivered() -> None:
    assert judge(whole(), horizon()).outcome is Outcome.DELIVERED
    assert kinds(whole()) == []


def test_a_receipt_in_the_outbox_alone_was_never_published() -> None:
    [fault] = judge(upto(published=False), horizon()).faults
    assert fault.kind is FaultKind.NEVER_PUBLISHED
    assert (fault.feedback_id, fault.reference) == (feedback_id(1), reference(1))
    assert fault.since == LONG_AGO


def test_a_published_receipt_that_is_nowhere_is_lost() -> None:
    assert kinds(upto()) == [FaultKind.LOST_AFTER_PUBLISHING]


def test_what_is_further_on_is_not_lost_though_its_first_record_is_gone() -> None:
    assert kinds(replace(whole(), records=(seen(Kind.TAGGED), seen(Kind.ROUTED)))) == []


def test_a_lost_mark_of_publication_is_no_fault() -> None:
    assert kinds(replace(whole(), published=False)) == []


def test_what_the_classifier_read_to_no_effect_was_never_tagged() -> None:
    [fault] = judge(upto(Kind.RECEIVED), horizon()).faults
    assert (fault.kind, fault.stage) == (FaultKind.NEVER_TAGGED, "classifier")
    assert "partition 0, offset 7 of feedback.received" in fault.detail


def test_what_the_router_read_to_no_effect_was_never_routed() -> None:
    [fault] = judge(upto(Kind.RECEIVED, Kind.TAGGED), horizon()).faults
    assert (fault.kind, fault.stage) == (FaultKind.NEVER_ROUTED, "router")


def test_a_decision_that_was_never_announced_was_never_routed() -> None:
    undone = replace(whole(), records=(seen(Kind.RECEIVED), seen(Kind.TAGGED)))
    [fault] = judge(undone, horizon()).faults
    assert fault.kind is FaultKind.NEVER_ROUTED
    assert "has a decision" in fault.detail


@pytest.mark.parametrize("stage", [each.name for each in STAGES])
def test_what_waits_in_a_stage_for_longer_than_settle_is_stuck_there(stage: str) -> None:
    records = {
        "classifier": upto(Kind.RECEIVED),
        "router": upto(Kind.RECEIVED, Kind.TAGGED),
        "tracking-progressed": whole(
            records=tuple(seen(kind) for kind in Kind if 0 < kind <= Kind.PROGRESSED)
        ),
    }
    [fault] = judge(records.get(stage, whole()), horizon(**{stage: 7})).faults
    assert (fault.kind, fault.stage) == (FaultKind.STUCK, stage)
    assert fault.since == LONG_AGO


def test_what_has_waited_in_a_stage_for_less_than_settle_is_on_its_way() -> None:
    fresh = replace(upto(), records=(seen(Kind.RECEIVED, at=JUST_NOW),))
    judgement = judge(fresh, horizon(classifier=7))
    assert (judgement.outcome, judgement.faults) == (Outcome.ON_ITS_WAY, ())


@pytest.mark.parametrize("state", [State.WAITING, State.DISCARDED, State.REDRIVING])
@pytest.mark.parametrize("stage", ["classifier", "router"])
def test_what_lies_among_the_dead_letters_is_accounted_for(stage: str, state: State) -> None:
    records = [Kind.RECEIVED] if stage == "classifier" else [Kind.RECEIVED, Kind.TAGGED]
    judgement = judge(upto(*records, letters=(letter(stage, state),)), horizon())
    assert (judgement.outcome, judgement.faults) == (Outcome.DEAD_LETTER, ())


def test_a_dead_letter_of_another_stage_accounts_for_nothing() -> None:
    dead = letter("streams", State.WAITING)
    assert kinds(upto(Kind.RECEIVED, letters=(dead,))) == [FaultKind.NEVER_TAGGED]


def test_a_department_that_was_chosen_and_has_nothing_is_named() -> None:
    [fault] = judge(replace(whole(), items=(item("DWP"),)), horizon()).faults
    assert fault.kind is FaultKind.NO_QUEUE_ITEM
    assert fault.subject == f"{feedback_id(1)}:MHCLG"


def test_items_of_a_decision_that_the_router_is_still_acting_on_are_not_missed() -> None:
    records = (seen(Kind.RECEIVED), seen(Kind.TAGGED, at=JUST_NOW))
    acting = replace(whole(), records=records, items=())
    assert kinds(acting, horizon(router=7)) == []


def test_an_item_beside_the_departments_own_is_doubled() -> None:
    twin = item("DWP", id=f"{feedback_id(1)}:DWP-2")
    [fault] = judge(replace(whole(), items=(*whole().items, twin)), horizon()).faults
    assert (fault.kind, fault.subject) == (FaultKind.DOUBLED_ITEM, twin.id)


def test_an_item_that_no_decision_chose_is_named() -> None:
    stray = item("HO")
    [fault] = judge(replace(whole(), items=(*whole().items, stray)), horizon()).faults
    assert (fault.kind, fault.subject) == (FaultKind.ITEM_WITHOUT_DECISION, stray.id)


def test_a_decision_made_after_decisions_were_read_is_not_missed() -> None:
    fresh = whole(
        departments=None,
        decided_at=None,
        items=(item("DWP", created_at=JUST_NOW),),
        records=(seen(Kind.RECEIVED), seen(Kind.TAGGED), seen(Kind.ROUTED, at=JUST_NOW)),
    )
    judgement = judge(fresh, horizon())
    assert (judgement.outcome, judgement.faults) == (Outcome.DELIVERED, ())


def test_what_is_on_its_queues_is_delivered_though_retention_took_its_records() -> None:
    judgement = judge(whole(records=()), horizon())
    assert (judgement.outcome, judgement.faults) == (Outcome.DELIVERED, ())


@pytest.mark.parametrize("kept", [(), (Kind.RECEIVED,)])
def test_a_decision_without_an_item_is_named_though_retention_took_its_records(
    kept: tuple[Kind, ...],
) -> None:
    records = tuple(seen(kind) for kind in kept)
    [fault] = judge(whole(records=records, items=(item("DWP"),)), horizon()).faults
    assert (fault.kind, fault.subject) == (FaultKind.NO_QUEUE_ITEM, f"{feedback_id(1)}:MHCLG")


def test_a_decision_without_an_item_whose_router_gave_it_up_is_a_dead_letter() -> None:
    dead = whole(records=(), items=(), letters=(letter("router", State.WAITING),))
    judgement = judge(dead, horizon())
    assert (judgement.outcome, judgement.faults) == (Outcome.DEAD_LETTER, ())


@pytest.mark.parametrize(
    "evidence",
    [
        upto(letters=(letter("streams", State.WAITING),)),
        upto(letters=(letter("classifier", State.REDRIVEN, NOON - timedelta(days=2)),)),
        upto(Kind.ROUTED),
        upto(Kind.PROGRESSED),
    ],
    ids=["letter of another stage", "old redrive", "routed alone", "progress alone"],
)
def test_what_is_nowhere_and_cannot_be_followed_is_named(evidence: Evidence) -> None:
    judgement = judge(evidence, horizon())
    assert judgement.outcome is Outcome.FAULTY
    [fault] = judgement.faults
    assert fault.kind is FaultKind.RECORDS_GONE
    assert (fault.feedback_id, fault.reference) == (feedback_id(1), reference(1))
    assert "gone" in fault.detail
    assert judge(replace(evidence, in_period=False), horizon()).faults == ()


@pytest.mark.parametrize(
    "evidence",
    [
        whole(records=(), decided_at=JUST_NOW, items=()),
        upto(items=(item("DWP", created_at=JUST_NOW),)),
        upto(letters=(letter("classifier", State.REDRIVEN, JUST_NOW),)),
    ],
    ids=["decided", "queued", "redriven"],
)
def test_what_moved_after_its_topic_was_read_is_on_its_way(evidence: Evidence) -> None:
    judgement = judge(evidence, horizon())
    assert (judgement.outcome, judgement.faults) == (Outcome.ON_ITS_WAY, ())


@pytest.mark.parametrize("state", ["settled", "dead", "discarded"])
def test_what_a_department_did_with_an_item_is_no_fault(state: str) -> None:
    items = (item("DWP", state=state), item("MHCLG"))
    assert kinds(replace(whole(), items=items)) == []


def test_what_nobody_accepted_is_named() -> None:
    stranger = replace(whole(), reference=None, accepted_at=None, in_period=False)
    assert kinds(stranger) == [FaultKind.NO_RECEIPT]


def test_a_receipt_from_before_the_period_is_not_asked_for_what_came_before_it() -> None:
    old = replace(whole(), in_period=False, departments=None, records=(seen(Kind.ROUTED),))
    judgement = judge(old, horizon())
    assert (judgement.outcome, judgement.faults) == (None, ())


def test_a_redrive_that_took_effect_is_sound() -> None:
    redriven = seen(Kind.RECEIVED, 9, letter_id=LETTER, count=1)
    mended = replace(
        whole(),
        records=(*whole().records, redriven),
        letters=(letter("classifier", State.REDRIVEN, redrives=1),),
    )
    assert judge(mended, horizon()).outcome is Outcome.DELIVERED
    assert mended.republished == 0


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ((seen(Kind.RECEIVED),), "is not on feedback.received"),
        (
            (seen(Kind.RECEIVED), seen(Kind.RECEIVED, 9, letter_id=LETTER, count=1)),
            "nothing came of it",
        ),
    ],
)
def test_a_redrive_without_effect_is_named(records: tuple[Seen, ...], told: str) -> None:
    dead = letter("classifier", State.REDRIVEN, redrives=1)
    [fault] = judge(replace(upto(), records=records, letters=(dead,)), horizon()).faults
    assert (fault.kind, fault.subject) == (FaultKind.REDRIVE_WITHOUT_EFFECT, LETTER)
    assert told in fault.detail


def test_a_redriven_record_of_tracking_that_is_not_on_its_topic_is_named() -> None:
    dead = letter("tracking-routed", State.REDRIVEN, redrives=2)
    earlier = seen(Kind.ROUTED, 9, letter_id=LETTER, count=1)
    twice = replace(whole(), records=(*whole().records, earlier), letters=(dead,))
    assert kinds(twice) == [FaultKind.REDRIVE_WITHOUT_EFFECT]
    later = replace(twice, records=(*twice.records, replace(earlier, offset=11, count=2)))
    assert kinds(later) == []


def test_repeats_are_counted_and_no_fault() -> None:
    again = replace(whole(), records=(*whole().records, seen(Kind.RECEIVED, 8)))
    assert kinds(again) == []
    assert again.republished == 1
