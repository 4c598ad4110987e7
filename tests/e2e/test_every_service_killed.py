"""`kill -9` of each service while events flow and departments work: nothing is lost or doubled."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.load import send_all, submissions
from tests.e2e.work import Follower, Worker
from tests.ledger import Ledger
from tests.pipeline import SERVICES, Pipeline
from tests.waiting import until

EVENTS = 20_000
KILLS = 3
# with the hub, those with the most samples
BUSY = ("MHCLG", "DWP")


def _has(ledger: Ledger, enough: int) -> bool:
    return len(ledger.accepted) >= enough


async def kill_in_turn(pipeline: Pipeline, name: str, ledger: Ledger) -> None:
    """Kills one service at a quarter, a half and three quarters of the run, as it comes back."""
    service = pipeline.services[name]
    for share in range(1, KILLS + 1):
        enough = EVENTS * share // (KILLS + 1)
        await until(partial(_has, ledger, enough), f"{enough} accepted", 120)
        await asyncio.to_thread(service.kill)
        await asyncio.sleep(0.2)
        service.start()
        await service.ready()


async def run(pipeline: Pipeline, name: str, workers: list[Worker]) -> Ledger:
    """Sends everything, kills the service meanwhile, and has the workers work until both ended."""
    ledger, over = Ledger(), asyncio.Event()
    async with asyncio.TaskGroup() as working:
        for worker in workers:
            working.create_task(worker.work(over))
        async with asyncio.TaskGroup() as group:
            group.create_task(send_all(pipeline, ledger, submissions(EVENTS)))
            group.create_task(kill_in_turn(pipeline, name, ledger))
        over.set()
    assert len(ledger.accepted) == EVENTS
    return ledger


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SERVICES)
async def test_killed_service_loses_and_doubles_nothing(
    name: str, kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    limits: dict[str, Any] = {
        "rate_items_per_second": 1_000_000,
        "rate_burst_items": 1_000_000,
        "fast_alone": True,  # what is delivered is tested here, not how well it is read
    }
    async with Pipeline(kafka_servers, mongo_url, tmp_path, **limits) as pipeline:
        workers = [Worker(pipeline, department) for department in BUSY]
        async with Follower(pipeline, BUSY[0]) as follower:
            ledger = await run(pipeline, name, workers)
            await ledger.settle(pipeline.database)
            await follower.check(ledger.accepted.values())
        if name == "departments":
            assert follower.connections > 1, "a kill ends the stream"
        for worker in workers:
            await worker.check()
