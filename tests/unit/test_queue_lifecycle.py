"""The life of an item, decided without a store."""

from dataclasses import replace
from datetime import timedelta

from schemas.feedback import Marking
from schemas.routing import Role
from services.queues import item as lifecycle
from services.queues.item import BUCKETS, Item, Result, State, bucket_of, item_id
from tests.builders import NOON, feedback_id

MINUTE = timedelta(minutes=1)
WAITING = Item(
    id=item_id(feedback_id(1), "MHCLG"),
    department="MHCLG",
    role=Role.LEAD,
    areas=("housing",),
    because="It is about housing.",
    rule="area/housing/lead",
    revision=1,
    marking=Marking.RESTRICTED,
    created_at=NOON,
    visible_at=NOON,
)


def claimed(item: Item = WAITING, token: str = "a") -> Item:
    leased = lifecycle.claim(item, token, MINUTE, item.visible_at, most_receives=5)
    assert leased is not None
    return leased


def test_the_id_holds_the_feedback_and_the_department() -> None:
    assert WAITING.id == f"{feedback_id(1)}:MHCLG"
    assert WAITING.feedback_id == feedback_id(1)


def test_a_bucket_never_changes_and_all_are_used() -> None:
    assert bucket_of("00000000-0000-0000-0000-000000000000") == 9
    assert {bucket_of(feedback_id(number)) for number in range(500)} == set(range(BUCKETS))


def test_a_claim_leases_until_visibility_ends() -> None:
    leased = claimed()
    assert leased.is_leased(NOON)
    assert not leased.is_ready(NOON)
    assert leased.is_ready(NOON + MINUTE)
    assert not leased.is_leased(NOON + MINUTE)
    assert lifecycle.claim(leased, "b", MINUTE, NOON, most_receives=5) is None


def test_the_sixth_claim_ends_an_item_that_may_be_received_five_times() -> None:
    tired = replace(WAITING, receive_count=5)
    dead = claimed(tired)
    assert dead.state is State.DEAD
    assert dead.settlement is not None
    assert dead.settlement.reason == "received 5 times without an acknowledgement"
    assert dead.settlement.token is None


def test_verbs_change_nothing_when_they_are_refused() -> None:
    leased = claimed()
    for item, result in (
        lifecycle.acknowledge(leased, "b", NOON),
        lifecycle.dead_letter(leased, "b", "late", NOON),
        lifecycle.release(leased, "b", MINUTE, NOON),
        lifecycle.extend(leased, "b", MINUTE, NOON),
        lifecycle.extend(leased, "a", MINUTE, NOON + MINUTE),
    ):
        assert item == leased
        assert result is Result.LOST


def test_a_released_item_has_no_holder() -> None:
    released, result = lifecycle.release(claimed(), "a", MINUTE, NOON)
    assert result is Result.DONE
    assert not released.is_leased(NOON)
    assert lifecycle.release(released, "a", MINUTE, NOON) == (released, Result.ALREADY_DONE)
    assert lifecycle.acknowledge(released, "a", NOON) == (released, Result.LOST)
