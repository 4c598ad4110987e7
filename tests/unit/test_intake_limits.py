"""Limits: per key and second, and so many at once; refused before anything is spent."""

import pytest

from services.intake.limits import Gate, Rates
from services.intake.settings import IntakeSettings
from services.runtime.problem import Problem


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_key_has_its_burst_then_its_rate() -> None:
    clock = Clock()
    rates = Rates(10, 5, clock)
    for _ in range(5):
        rates.spend("a")
    with pytest.raises(Problem) as raised:
        rates.spend("a")
    assert raised.value.status == 429
    assert raised.value.headers["Retry-After"] == "1"
    clock.now = 0.1
    rates.spend("a")
    with pytest.raises(Problem):
        rates.spend("a")


def test_one_key_does_not_pay_for_another() -> None:
    rates = Rates(1, 1, Clock())
    rates.spend("a")
    rates.spend("b")


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    clock = Clock()
    rates = Rates(10, 5, clock)
    rates.spend("a", 5)
    clock.now = 1_000.0
    rates.spend("a", 5)
    with pytest.raises(Problem):
        rates.spend("a")


def test_retry_after_is_long_enough() -> None:
    clock = Clock()
    rates = Rates(10, 100, clock)
    rates.spend("a", 100)
    with pytest.raises(Problem) as raised:
        rates.spend("a", 95)
    clock.now = float(raised.value.headers["Retry-After"])
    rates.spend("a", 95)


def test_buckets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.intake.limits._MOST_KEYS", 3)
    rates = Rates(1, 1, Clock())
    for number in range(100):
        rates.spend(str(number))


def test_a_gate_is_free_again_whatever_happened_inside() -> None:
    gate = Gate(1, "submissions")
    with pytest.raises(ValueError, match="inside"), gate.pass_through("key"):
        raise ValueError("inside")
    with gate.pass_through("key"):
        with pytest.raises(Problem) as raised, gate.pass_through("key"):
            raise AssertionError("passed a closed gate")
        assert raised.value.status == 503
        assert raised.value.headers["Retry-After"] == "1"


def test_a_burst_that_a_batch_cannot_fit_in_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="rate_burst_items"):
        IntakeSettings(rate_burst_items=499)
    with pytest.raises(ValueError, match="FRONTLINE_RELAY_AFTER_SECONDS"):
        IntakeSettings(relay_after_seconds=1.0, kafka_produce_seconds=1.5)


def test_one_key_holds_at_most_half_of_the_places() -> None:
    gate = Gate(4, "batches")
    with gate.pass_through("slow"), gate.pass_through("slow"):
        with pytest.raises(Problem), gate.pass_through("slow"):
            pytest.fail("inside")
        with gate.pass_through("other"):
            pass
