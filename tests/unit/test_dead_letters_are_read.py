"""What a record of a `.dead` topic says of itself, and when it tells a new death."""

from dataclasses import replace

import pytest

from services.deadletters.letter import Claim, NoDeadLetter, State, died_again, read_letter
from services.deadletters.redrive import record_bytes, redriven_record
from services.runtime.deadletter import dead_letter_id
from services.runtime.errors import Malformed
from services.runtime.kafka import Record
from services.runtime.redrive import read_redriven
from tests.builders import NOON, feedback_id
from tests.deadletters import GROUP, TOPIC, dead_record, died_after_redrive, letter, place


def test_a_letter_has_its_origin_its_story_and_no_text() -> None:
    found = letter(7, at=3, partition=1, error=Malformed("not JSON"), minutes=2)
    assert found.id == dead_letter_id(TOPIC, 1, 7, GROUP)
    assert (found.topic, found.partition, found.offset) == (TOPIC, 1, 7)
    assert (found.dead_topic, found.dead_partition, found.dead_offset) == (f"{TOPIC}.dead", 1, 3)
    assert (found.error, found.reason, found.size) == ("Malformed", "not JSON", len(b"value 7"))
    assert found.feedback_id == feedback_id(7)
    assert (found.state, found.redrives, found.died_again) == (State.WAITING, 0, False)


@pytest.mark.parametrize("key", [None, b"k", b"\xff" * 36, b"z" * 36, "é".encode() * 18])
def test_a_foreign_key_is_no_feedback_id(key: bytes | None) -> None:
    assert letter(1, key=key).feedback_id is None


def test_what_is_no_dead_letter_is_refused_with_why() -> None:
    whole = dead_record()
    for name, value, why in [
        ("id", None, "has no header frontline-dead-id"),
        ("partition", b"one", "invalid literal"),
        ("last-at", b"yesterday", "Invalid isoformat"),
        ("last-at", b"2026-01-01T00:00:00", "without zone"),
        ("topic", b"another", "names another topic"),
        ("partition", b"2147483648", "from 0 to 2147483647"),
        ("partition", b"-1", "from 0 to"),
        ("offset", b"9" * 25, "from 0 to 9223372036854775807"),
        ("offset", b"9" * 5000, "limit"),
        ("attempts", b"1000001", "from 0 to 1000000"),
        ("redrives", b"9" * 25, "from 0 to 1000000"),
        ("first-at", b"0001-01-01T00:00:00+14:00", "no calendar"),
        ("last-at", b"9999-12-31T23:59:59-14:00", "no calendar"),
    ]:
        headers = [pair for pair in whole.headers if pair[0] != f"frontline-dead-{name}"]
        if value is not None:
            headers.append((f"frontline-dead-{name}", value))
        broken = Record(whole.topic, whole.key, whole.value, headers)
        with pytest.raises(NoDeadLetter, match=why):
            read_letter(place(broken, 0, 0))


def test_a_letter_dies_again_only_by_the_redrive_that_was_last() -> None:
    claimed = replace(letter(), state=State.REDRIVEN, redrives=2)
    assert died_again(claimed, replace(letter(), redrives=2))
    assert died_again(replace(claimed, state=State.REDRIVING), replace(letter(), redrives=2))
    assert not died_again(claimed, replace(letter(), redrives=1)), "an older death, read late"
    assert not died_again(claimed, letter()), "the first death, written twice"
    waiting = replace(claimed, state=State.WAITING)
    assert not died_again(waiting, replace(letter(), redrives=2)), "the same death, written twice"
    assert died_again(letter(), replace(letter(), redrives=1)), "the index was lost since"


def test_a_place_given_a_second_time_is_a_new_death_of_an_ended_letter_alone() -> None:
    new = letter(minutes=60)
    for state in (State.REDRIVEN, State.DISCARDED):
        ended = replace(letter(), state=state, redrives=1)
        assert died_again(ended, new)
        assert not died_again(ended, letter(minutes=5)), "a record given up twice, by a restart"
        assert not died_again(replace(ended, last_at=new.last_at), new), "it is known already"
    for state in (State.WAITING, State.REDRIVING):
        assert not died_again(replace(letter(), state=state), new)


def test_a_redriven_record_is_the_original_for_its_group_and_partition() -> None:
    dead = dead_record(7, partition=1)
    claimed = replace(read_letter(dead), redrives=1, claims=(Claim("again", 1, NOON),))
    record = redriven_record(claimed, dead)
    assert (record.topic, record.partition, record.key, record.value) == (
        TOPIC,
        1,
        dead.key,
        b"value 7",
    )
    assert next(iter(record.headers)) == ("traceparent", b"00-1")
    assert not [name for name, _ in record.headers if name.startswith("frontline-dead")]
    redriven = read_redriven(place(record, 1, 50))
    assert redriven is not None
    assert (redriven.letter_id, redriven.group, redriven.offset) == (claimed.id, GROUP, 7)
    assert (redriven.count, redriven.name) == (1, "again")
    assert record_bytes(record) > len(b"value 7") + 36


def test_what_dies_again_keeps_the_id_and_says_how_often() -> None:
    first = replace(letter(7), redrives=1)
    again = read_letter(died_after_redrive(first, at=9))
    assert (again.id, again.offset, again.redrives) == (first.id, 7, 1)
    assert again.died_again
