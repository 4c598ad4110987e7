"""SIGTERM under load: each service drains in ten seconds, exits with 0, and nothing is lost."""

import asyncio
from pathlib import Path
from time import monotonic

import pytest

from tests.e2e.load import send_all, submissions
from tests.ledger import Ledger
from tests.pipeline import SERVICES, Pipeline
from tests.waiting import until

EVENTS = 3_000


@pytest.mark.timeout(300)
async def test_terminated_services_drain_and_lose_nothing(
    kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    ledger = Ledger()
    pipeline = Pipeline(
        kafka_servers,
        mongo_url,
        tmp_path,
        rate_items_per_second=1_000_000,
        rate_burst_items=1_000_000,
    )
    async with pipeline:

        async def terminate_each() -> None:
            for share, name in enumerate(SERVICES, start=1):
                enough = EVENTS * share // (len(SERVICES) + 1)
                await until(lambda: len(ledger.accepted) >= enough, "enough accepted", 120)  # noqa: B023
                asked = monotonic()
                code = await asyncio.to_thread(pipeline.services[name].stop)
                assert code == 0, f"{name} ended with {code}:\n{pipeline.services[name].tail()}"
                assert monotonic() - asked < 10, f"{name} took too long"
                pipeline.services[name].start()
                await pipeline.services[name].ready()

        async with asyncio.TaskGroup() as group:
            group.create_task(send_all(pipeline, ledger, submissions(EVENTS)))
            group.create_task(terminate_each())
        await ledger.settle(pipeline.database)
