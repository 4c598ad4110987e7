"""Observations in the voice of the samples, sent by several clients at once."""

import asyncio
import json
from typing import Any

from tests.ledger import Ledger
from tests.pipeline import ROOT, Pipeline

SAMPLES = ROOT / "deploy" / "samples" / "observations.jsonl"
_BATCH = 250
_SENDERS = 3


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
    batches = [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
    left = iter(batches)
    async with pipeline.http("intake", pipeline.charity_key) as client:

        async def sender() -> None:
            for batch in left:
                ledger.accepted |= await pipeline.submit_batch(client, batch)

        await asyncio.gather(*[sender() for _ in range(_SENDERS)])
