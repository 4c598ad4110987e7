"""How `trace` tells an item's way: steps in order of time, and in words where it stands."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.console.errors import WrongInput
from services.console.journey import Journey, StageHop, standing, tell
from services.console.operations.trace import read_name
from services.deadletters.letter import Claim, DeadLetter, Discard, State
from services.queues.item_history import ItemHistory
from tests.builders import NOON, feedback_id

ME = feedback_id(1)
EMPTY = Journey(ME, None, None, None, None, None, (), (), (), ())
ACCEPTED = replace(EMPTY, reference="Q3NYCFNS", accepted_at=NOON, published_at=NOON)


def hop(stage: str, seconds: int = 1, **changes: object) -> StageHop:
    made = StageHop(
        stage, stage, "1", "t", 2, 7, NOON, NOON + timedelta(seconds=seconds), 0.5, 0.25,
        "handled", 1, None, None,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def item(department: str, **changes: object) -> ItemHistory:
    made = ItemHistory(
        f"{ME}:{department}", department, "lead", "r", "b", 1, "waiting", NOON, 0, None, False,
        None, None, False, None,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def letter(**changes: object) -> DeadLetter:
    made = DeadLetter(
        "letter-1", "feedback.received", 2, 7, "classifier", ME, "Permanent", "too odd", 1,
        NOON, NOON, "classifier", "1", 10, 0, 3,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("journey", "words"),
    [
        (replace(ACCEPTED, published_at=None), "waits in the outbox"),
        (ACCEPTED, "waits for the classifier"),
        (replace(ACCEPTED, hops=(hop("classifier"),)), "waits for the router"),
        (replace(ACCEPTED, dead_letters=(letter(),)), "dead letters as letter-1"),
        (
            replace(ACCEPTED, items=(item("DWP"),), dead_letters=(letter(state=State.REDRIVEN),)),
            "On 1 department queue: 1 waiting",
        ),
        (
            replace(ACCEPTED, items=(item("DWP", state="settled"), item("DFE", state="dead"))),
            "On 2 department queues: 1 acknowledged, 1 ended otherwise",
        ),
        (replace(ACCEPTED, dead_letters=(letter(state=State.DISCARDED),)), "discarded"),
    ],
)
def test_it_says_where_the_item_stands(journey: Journey, words: str) -> None:
    assert words in standing(journey)


def test_steps_come_in_order_of_time_with_place_and_tries() -> None:
    journey = replace(ACCEPTED, hops=(hop("router", 2), hop("classifier", 1)))
    steps = tell(journey)
    assert [step.what for step in steps] == ["accepted", "classifier", "router"]
    assert (steps[1].place, steps[1].attempts) == ("t/2@7", 1)
    assert (steps[1].waited, steps[1].took) == (0.5, 0.25)


def test_a_record_that_died_and_was_redriven_says_so() -> None:
    hops = (
        hop("classifier", 1, outcome="dead", error="Permanent"),
        hop("classifier", 9, redrive="mended"),
    )
    claimed = letter(claims=(Claim("mended", 1, NOON + timedelta(seconds=5)),))
    told = [
        (step.what, step.detail)
        for step in tell(replace(EMPTY, hops=hops, dead_letters=(claimed,)))
    ]
    assert told[0][0] == "to dead letters"
    assert told[1] == ("classifier", "dead, Permanent")
    assert told[2][0] == "redriven by mended"
    assert told[3] == ("classifier", "redriven by mended")


def test_leases_and_endings_are_told() -> None:
    later = NOON + timedelta(seconds=60)
    done = item("DWP", state="settled", receive_count=2, lease_until=later, ended_at=later)
    queued, ended = tell(replace(EMPTY, items=(done,)))
    assert queued.detail == "lead, received 2 times, last lease until 12:01:00Z"
    assert (ended.what, ended.waited) == ("acknowledged by DWP", 60)


def test_a_discard_names_who_and_why() -> None:
    ended = letter(state=State.DISCARDED, discard=Discard("on-call", NOON, "a test"))
    assert tell(replace(EMPTY, dead_letters=(ended,)))[-1].what == "discarded by on-call"


def test_nothing_at_all_is_not_known() -> None:
    assert not EMPTY.is_known
    assert replace(EMPTY, hops=(hop("router"),)).is_known


@pytest.mark.parametrize(
    ("written", "stored"),
    [(" q3ny-cfns ", "Q3NYCFNS"), ("Q3NY CFNS", "Q3NYCFNS"), (ME.upper(), ME)],
)
def test_names_are_read_as_people_write_them(written: str, stored: str) -> None:
    assert read_name(written) == stored


@pytest.mark.parametrize("written", ["", "Q3NYCFN", "{'$ne': 1}", ME[:-1], "Q3NYCFN$"])
def test_what_is_no_name_is_refused_without_asking_anybody(written: str) -> None:
    with pytest.raises(WrongInput):
        read_name(written)
