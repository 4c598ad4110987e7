"""`kill -9` of each service while events flow: nothing accepted is lost, nothing is doubled."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.load import send_all, submissions
from tests.ledger import Ledger
from tests.pipeline import SERVICES, Pipeline
from tests.waiting import until

EVENTS = 20_000
KILLS = 3


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


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SERVICES)
async def test_killed_service_loses_and_doubles_nothing(
    name: str, kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    ledger = Ledger()
    async with Pipeline(
        kafka_servers,
        mongo_url,
        tmp_path,
        rate_items_per_second=1_000_000,
        rate_burst_items=1_000_000,
    ) as pipeline:
        async with asyncio.TaskGroup() as group:
            group.create_task(send_all(pipeline, ledger, submissions(EVENTS)))
            group.create_task(kill_in_turn(pipeline, name, ledger))
        assert len(ledger.accepted) == EVENTS
        await ledger.settle(pipeline.database)
