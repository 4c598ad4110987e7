"""The age of a consumer's oldest record, from what it has in hand and what it settled last."""

from services.runtime.waiting import OldestAge


def test_nothing_to_read_is_no_age() -> None:
    assert OldestAge(100.0).seconds(lag=0, now=500.0) == 0


def test_a_batch_in_hand_is_as_old_as_its_oldest_record() -> None:
    age = OldestAge(100.0)
    age.take([130.0, 120.0, 140.0])
    assert age.seconds(lag=0, now=150.0) == 30


def test_what_comes_next_is_younger_than_the_last_that_was_settled() -> None:
    age = OldestAge(100.0)
    age.take([120.0, 140.0])
    age.settle()
    assert age.seconds(lag=0, now=150.0) == 0
    assert age.seconds(lag=3, now=150.0) == 10


def test_a_batch_that_was_put_back_goes_on_ageing_while_it_is_there() -> None:
    age = OldestAge(100.0)
    age.take([120.0])
    age.put_back()
    assert age.seconds(lag=1, now=150.0) == 30
    assert age.seconds(lag=0, now=150.0) == 0, "another member has it"


def test_a_consumer_that_has_seen_nothing_counts_from_its_start() -> None:
    assert OldestAge(100.0).seconds(lag=9, now=130.0) == 30


def test_clocks_that_disagree_make_no_negative_age() -> None:
    age = OldestAge(100.0)
    age.take([160.0])
    assert age.seconds(lag=0, now=150.0) == 0
