"""The index of dead letters on the real database: what is known, found and counted."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from services.deadletters.filter import Filter
from services.deadletters.letter import Discard, State
from services.runtime.errors import Malformed
from services.runtime.kafka import Record
from tests.builders import NOON, feedback_id
from tests.deadletters import TOPIC, Desk, dead_record, desk_on, died_after_redrive, letter

EVERY = Filter(states=tuple(State))


@pytest.fixture
async def desk(mongo_url: str, mongo_database: str) -> AsyncIterator[Desk]:
    async with desk_on(mongo_url, mongo_database) as running:
        yield running


async def test_each_letter_is_known_once_however_often_it_is_written_and_read(desk: Desk) -> None:
    await desk.bury(dead_record(1), dead_record(2, partition=1), dead_record(1))
    assert await desk.index.catch_up() == 0
    await desk.database["dead_letter_marks"].delete_many({})
    assert await desk.index.catch_up() == 0
    assert await desk.letters.count(EVERY) == 2
    known = await desk.letters.find(letter(1).id)
    assert known == letter(1)


async def test_two_may_catch_up_at_once(desk: Desk) -> None:
    for number in range(1200):
        desk.kafka.bury(dead_record(number))
    await asyncio.gather(desk.index.catch_up(), desk.index.catch_up())
    assert await desk.letters.count(EVERY) == 1200
    assert (await desk.letters.marks())[f"{TOPIC}.dead"] == {0: 1200}


async def test_what_is_no_dead_letter_does_not_stop_the_index(desk: Desk) -> None:
    desk.kafka.put(Record(f"{TOPIC}.dead", None, b"\xff", (("h", b"\xff"),)), 0)
    await desk.bury(dead_record(1))
    assert await desk.letters.count(EVERY) == 1


async def test_numbers_that_nothing_can_keep_do_not_stop_the_index(desk: Desk) -> None:
    sound = dead_record(1)
    for name in ("offset", "partition", "attempts", "redrives"):
        kept = [pair for pair in sound.headers if pair[0] != f"frontline-dead-{name}"]
        desk.kafka.put(
            Record(sound.topic, None, b"", (*kept, (f"frontline-dead-{name}", b"9" * 25))), 0
        )
    await desk.bury(sound)
    assert await desk.letters.count(EVERY) == 1
    assert (await desk.letters.marks())[f"{TOPIC}.dead"] == {0: 5}


async def test_a_record_at_an_ended_letters_place_in_a_new_topic_waits(desk: Desk) -> None:
    await desk.bury(dead_record(1), dead_record(2))
    [sent] = await desk.letters.claim("first", Filter(ids=(letter(1).id,)), 10, NOON)
    await desk.letters.mark_redriven([sent], NOON)
    await desk.letters.discard(Filter(), None, Discard("olga", NOON, "a test"))
    repeats = [dead_record(number, minutes=1) for number in (1, 2)]
    await desk.bury(*repeats)
    assert await desk.letters.count(Filter()) == 0, "written twice"

    new = [dead_record(number, minutes=60, error=Malformed("new")) for number in (1, 2)]
    await desk.bury(*new, *new)
    found = await desk.letters.page(Filter(), 10)
    assert [(each.reason, each.died_again) for each in found] == [("new", False)] * 2
    assert sorted(each.dead_offset for each in found) == [4, 5]
    assert {each.first_at for each in found} == {letter(minutes=60).first_at}
    by_offset = {each.offset: each for each in found}
    assert (by_offset[1].redrives, by_offset[2].discard) == (1, None)
    [again] = await desk.letters.claim("second", Filter(ids=(sent.id,)), 10, NOON)
    assert again.redrives == 2, "no count is given twice"


async def test_a_topic_made_anew_is_read_from_its_beginning(desk: Desk) -> None:
    await desk.bury(dead_record(1), dead_record(2))
    desk.kafka.logs[f"{TOPIC}.dead", 0].clear()
    await desk.bury(dead_record(3))
    assert await desk.letters.find(letter(3).id)


async def test_a_redriven_letter_that_dies_again_waits_again(desk: Desk) -> None:
    await desk.bury(dead_record(1))
    [claimed] = await desk.letters.claim("first", Filter(), 10, NOON)
    await desk.letters.mark_redriven([claimed], NOON)
    await desk.bury(dead_record(1))
    known = await desk.letters.find(claimed.id)
    assert known is not None
    assert known.state is State.REDRIVEN, "the first death, written twice, is no new one"

    await desk.bury(died_after_redrive(claimed, at=2, minutes=5, error=Malformed("worse")))
    known = await desk.letters.find(claimed.id)
    assert known is not None
    assert (known.state, known.died_again, known.redrives) == (State.WAITING, True, 1)
    assert (known.error, known.reason, known.dead_offset) == ("Malformed", "worse", 2)
    assert known.claims[0].redrive == "first"
    assert known.ended_at is None
    assert (known.offset, known.first_at) == (claimed.offset, claimed.first_at)


async def test_a_death_seen_before_the_redrive_was_marked_stays(desk: Desk) -> None:
    await desk.bury(dead_record(1))
    [claimed] = await desk.letters.claim("first", Filter(), 10, NOON)
    await desk.bury(died_after_redrive(claimed, at=1))
    await desk.letters.mark_redriven([claimed], NOON)
    known = await desk.letters.find(claimed.id)
    assert known is not None
    assert (known.state, known.died_again) == (State.WAITING, True)
    assert (await desk.letters.tally("first")).redriven == 1


async def test_filters_find_what_they_say(desk: Desk) -> None:
    await desk.bury(
        dead_record(1, minutes=1, version="1"),
        dead_record(2, minutes=2, version="2", error=Malformed("found a [bracket]")),
        dead_record(3, minutes=3, topic="feedback.tagged", group="router"),
    )

    async def found(**only: object) -> list[int]:
        page = await desk.letters.page(replace(Filter(), **only), 10)  # type: ignore[arg-type]
        return [each.offset for each in page]

    assert await found() == [3, 2, 1], "the last death first"
    assert await found(topic=TOPIC) == [2, 1]
    assert await found(group="router") == [3]
    assert await found(error="Malformed") == [2]
    assert await found(reason="A [BRACK") == [2], "as written, in either case"
    assert await found(reason=".") == []
    assert await found(version="2") == [2]
    assert await found(died_before=NOON + timedelta(minutes=2)) == [1]
    assert await found(died_since=NOON + timedelta(minutes=2)) == [3, 2]
    assert await found(ids=(letter(1).id,)) == [1]
    assert await found(topic={"$ne": ""}) == [], "a value is never a condition"
    assert await found(states=(State.DISCARDED,)) == []


async def test_pages_follow_each_other(desk: Desk) -> None:
    await desk.bury(*(dead_record(number, minutes=number // 2) for number in range(7)))
    seen: list[str] = []
    while page := await desk.letters.page(Filter(), 3, seen[-1] if seen else None):
        seen += [each.id for each in page]
    assert len(seen) == len(set(seen)) == 7


async def test_letters_are_counted_by_topic_and_found_by_feedback(desk: Desk) -> None:
    tagged = dead_record(1, topic="feedback.tagged", group="router", minutes=1)
    await desk.bury(dead_record(1), dead_record(2), tagged)
    counts = await desk.letters.count_waiting(desk.index.topics)
    assert counts == {TOPIC: 2, "feedback.tagged": 1}
    piles = await desk.letters.piles(Filter())
    assert [(each.topic, each.group, each.letters) for each in piles] == [
        (TOPIC, "classifier", 2),
        ("feedback.tagged", "router", 1),
    ]
    of_first = await desk.letters.of_feedback(feedback_id(1))
    assert [each.topic for each in of_first] == [TOPIC, "feedback.tagged"]
    states = await desk.letters.find_states([feedback_id(2), feedback_id(3)])
    assert list(states) == [feedback_id(2)]
    every = [each.offset async for each in desk.letters.every(Filter())]
    assert sorted(every) == [1, 1, 2]


async def test_only_what_waits_is_discarded_and_it_can_be_redriven_after_all(desk: Desk) -> None:
    await desk.bury(*(dead_record(number, minutes=number) for number in range(4)))
    await desk.letters.claim("running", Filter(ids=(letter(0).id,)), 1, NOON)
    discard = Discard("olga", NOON, "planted by a test")
    assert await desk.letters.discard(Filter(), 2, discard) == 2
    assert await desk.letters.discard(EVERY, None, discard) == 1
    known = await desk.letters.find(letter(1).id)
    assert known is not None
    assert (known.state, known.discard, known.ended_at) == (State.DISCARDED, discard, NOON)

    only = Filter(states=(State.DISCARDED,))
    [claimed] = await desk.letters.claim("again", only, 1, NOON)
    assert (claimed.state, claimed.discard) == (State.REDRIVING, None)
