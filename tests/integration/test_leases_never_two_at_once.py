"""R3 on the real database: the same machine as in memory, with fewer steps."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from services.queues.store import QueueStore
from tests.builders import feedback
from tests.component.queue_stores import MongoQueues, mongo_queues, new_item
from tests.lease_machine import LeaseMachine


@pytest.fixture
def machine(mongo_url: str, mongo_database: str) -> Iterator[type[LeaseMachine]]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        store = runner.run(stack.enter_async_context(mongo_queues(mongo_url, mongo_database)))

        class MongoLeases(LeaseMachine):
            queues: MongoQueues = store

            def __init__(self) -> None:
                super().__init__()
                self.run(self._empty())

            def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
                return runner.run(coroutine)

            async def _empty(self) -> None:
                for name in ("feedback", "queue_items"):
                    await self.queues.database[name].delete_many({})

        yield MongoLeases
        runner.run(stack.aclose())


def test_no_item_has_two_valid_leases(machine: type[LeaseMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert machine.steps >= 500


async def test_concurrent_claims_of_many_processes_never_share_an_item(
    mongo_url: str, mongo_database: str
) -> None:
    """Stores with connections of their own, as processes have them, on one department."""
    async with AsyncExitStack() as stack:
        stores = [
            (await stack.enter_async_context(mongo_queues(mongo_url, mongo_database))).store
            for _ in range(4)
        ]
        numbers = range(600)
        await stores[0].enqueue([feedback(n) for n in numbers], [new_item(n) for n in numbers])

        async def drain(store: QueueStore) -> list[str]:
            got: list[str] = []
            while items := await store.receive("MHCLG", 25, 60):
                got += [item.item_id for item in items]
            return got

        drained: list[list[str]] = await asyncio.gather(*[drain(store) for store in stores])
    names = [name for got in drained for name in got]
    assert len(names) == len(set(names)), "two holders of one item"
