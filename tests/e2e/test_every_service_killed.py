"""`kill -9` of each service while events flow: nothing accepted is lost, nothing is doubled."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.ledger import Ledger
from tests.pipeline import ROOT, SERVICES, Pipeline
from tests.waiting import until

EVENTS = 20_000
BATCH = 250
KILLS = 3
SENDERS = 3

SAMPLES = ROOT / "deploy" / "samples" / "observations.jsonl"


def submissions(total: int) -> list[dict[str, Any]]:
    """Observations in the voice of the samples, each with its own key and text."""
    texts = [json.loads(line)["text"][:600] for line in SAMPLES.read_text().splitlines()]
    return [
        {
            "kind": "observation",
            "text": f"{texts[number % len(texts)]} Case {number}.",
            "idempotency_key": f"key-{number}",
        }
        for number in range(total)
    ]


async def send_all(pipeline: Pipeline, ledger: Ledger, items: list[dict[str, Any]]) -> None:
    batches = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
    left = iter(batches)
    async with pipeline.http("intake", pipeline.charity_key) as client:

        async def sender() -> None:
            for batch in left:
                ledger.accepted |= await pipeline.submit_batch(client, batch)

        await asyncio.gather(*[sender() for _ in range(SENDERS)])


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
