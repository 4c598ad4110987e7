"""R3 on the in-memory store: at least 10,000 steps, never two valid leases."""

from collections.abc import Coroutine
from typing import Any

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.component.queue_stores import MemoryQueues
from tests.lease_machine import LeaseMachine


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the in-memory store waits for nothing")


class MemoryLeases(LeaseMachine):
    def __init__(self) -> None:
        super().__init__()
        self.queues = MemoryQueues()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return finish(coroutine)


def test_no_item_has_two_valid_leases() -> None:
    run_state_machine_as_test(
        MemoryLeases,
        settings=settings(
            max_examples=300, stateful_step_count=50, deadline=None, derandomize=True
        ),
    )
    assert MemoryLeases.steps >= 10_000
