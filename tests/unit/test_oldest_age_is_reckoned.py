"""The age of a consumer's oldest record, from what it has in hand and what it settled last."""

from services.runtime.waiting import OldestAge


def took(*moments: float, partition: int = 0) -> list[tuple[int, float]]:
    return [(partition, moment) for moment in moments]


def test_nothing_to_read_is_no_age() -> None:
    assert OldestAge().seconds({0: 0}, now=500.0) == 0
    assert OldestAge().seconds({}, now=500.0) == 0


def test_a_batch_in_hand_is_as_old_as_its_oldest_record() -> None:
    age = OldestAge()
    age.take(took(130.0, 120.0, 140.0))
    assert age.seconds({0: 0}, now=150.0) == 30


def test_what_comes_next_is_younger_than_the_last_that_was_settled() -> None:
    age = OldestAge()
    age.take(took(120.0, 140.0))
    age.settle()
    assert age.seconds({0: 3}, now=150.0) == 10
    assert age.seconds({0: 0}, now=151.0) == 0


def test_what_comes_after_a_quiet_time_is_younger_than_the_quiet_time() -> None:
    age = OldestAge()
    age.take(took(120.0))
    age.settle()
    assert age.seconds({0: 0}, now=3_700.0) == 0
    assert age.seconds({0: 1}, now=3_701.0) == 1, "as of a stage that was paused in a quiet hour"
    assert age.seconds({0: 9}, now=3_800.0) == 100


def test_a_current_partition_does_not_hide_what_waits_in_another() -> None:
    age = OldestAge()
    age.take([(0, 100.0), (1, 100.0)])
    age.settle()
    age.take(took(999.0, partition=1))
    age.settle()
    assert age.seconds({0: 50, 1: 0}, now=1_000.0) == 900


def test_a_batch_that_was_put_back_goes_on_ageing_while_it_is_there() -> None:
    age = OldestAge()
    age.take(took(120.0))
    age.put_back()
    assert age.seconds({0: 1}, now=150.0) == 30
    assert age.seconds({0: 0}, now=151.0) == 0, "another member has it"
    assert age.seconds({0: 1}, now=152.0) == 1, "that is another record"


def test_what_was_put_back_with_others_ages_until_it_is_settled_itself() -> None:
    age = OldestAge()
    age.take([(0, 120.0), (1, 130.0)])
    age.put_back()
    age.take(took(130.0, partition=1))
    age.settle()
    assert age.seconds({0: 1, 1: 0}, now=150.0) == 30


def test_what_is_put_back_is_not_taken_for_new_though_nothing_lay_beyond_it() -> None:
    age = OldestAge()
    age.take(took(120.0, 125.0))
    assert age.seconds({0: 0}, now=150.0) == 30
    age.put_back()
    age.take(took(120.0))
    age.settle()
    assert age.seconds({0: 1}, now=160.0) == 40, "the second one was read in a batch of its own"


def test_what_comes_while_a_batch_is_in_hand_is_younger_than_the_last_look() -> None:
    age = OldestAge()
    age.take(took(120.0))
    assert age.seconds({0: 0}, now=190.0) == 70
    age.settle()
    assert age.seconds({0: 1}, now=191.0) == 1


def test_a_partition_that_comes_is_reckoned_from_then_on() -> None:
    age = OldestAge()
    assert age.seconds({0: 9}, now=130.0) == 0
    assert age.seconds({0: 9}, now=140.0) == 10
    assert age.seconds({}, now=150.0) == 0, "it was taken away"
    assert age.seconds({0: 9}, now=160.0) == 0


def test_clocks_that_disagree_make_no_negative_age() -> None:
    age = OldestAge()
    age.take(took(160.0))
    assert age.seconds({0: 0}, now=150.0) == 0
