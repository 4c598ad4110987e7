"""`verify` beside a pipeline at work: what moves while it looks is no fault."""

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from services.console.connections import open_connections
from services.console.operations.verification import verify
from services.console.settings import ConsoleSettings
from services.console.verification.fault import Fault, FaultKind
from services.runtime.metrics import Metrics
from tests.pipeline import Pipeline
from tests.submitting import OBSERVATION

SETTLE = timedelta(seconds=2)
LOOKS = 4
BATCH = 25
PAUSE_SECONDS = 0.1

# a crowded machine may take longer than SETTLE from stage to stage: that would be said rightly
SLOW = {FaultKind.STUCK, FaultKind.NEVER_PUBLISHED}


async def test_nothing_is_missed_that_is_on_its_way(
    kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    async with Pipeline(kafka_servers, mongo_url, tmp_path) as pipeline:
        numbers = count()

        async def load() -> None:
            async with pipeline.http("intake", pipeline.charity_key) as client:
                while True:
                    items: list[dict[str, Any]] = [
                        OBSERVATION | {"idempotency_key": f"n-{next(numbers)}"}
                        for _ in range(BATCH)
                    ]
                    await pipeline.submit_batch(client, items)
                    await asyncio.sleep(PAUSE_SECONDS)

        settings = ConsoleSettings(
            kafka_servers=kafka_servers,
            mongo_url=mongo_url,
            mongo_database=pipeline.database_name,
            topic_prefix=pipeline.topic_prefix,
        )
        loading = asyncio.create_task(load())
        found: list[Fault] = []
        receipts: list[int] = []
        async with open_connections(settings, Metrics()) as connections:
            while len(receipts) < LOOKS:
                await asyncio.sleep(SETTLE.total_seconds())
                assert not loading.done(), loading
                result = await verify(connections, settle=SETTLE, found=found.append)
                assert sum(result.outcomes.values()) == result.receipts
                receipts.append(result.receipts)
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
    wrong = [each for each in found if each.kind not in SLOW]
    assert not wrong, (Counter(each.kind for each in wrong), wrong[0])
    assert receipts == sorted(receipts)
    assert receipts[-1] > receipts[0]
