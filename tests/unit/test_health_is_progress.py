"""Liveness is that loops come round, readiness that every part can work."""

from services.runtime.health import Health, Progress


def test_a_loop_that_stands_still_is_not_alive() -> None:
    now = 100.0
    progress = Progress(stalled_after=5, clock=lambda: now)
    now += 4
    assert not progress.stalled()
    now += 2
    assert progress.stalled()
    progress.mark()
    assert not progress.stalled()


def test_one_stalled_loop_turns_liveness_red() -> None:
    health = Health()
    health.watch("polls", stalled_after=60)
    assert health.liveness()[0]
    health.watch("stuck", stalled_after=-1)
    alive, ages = health.liveness()
    assert not alive
    assert set(ages) == {"polls", "stuck"}


def test_readiness_names_each_part_that_cannot_work() -> None:
    health = Health()
    health.not_ready("mongo", "no primary")
    health.not_ready("kafka", "no broker")
    health.ready("kafka")
    assert health.readiness() == (False, {"mongo": "no primary"})
    health.ready("mongo")
    assert health.readiness() == (True, {})
