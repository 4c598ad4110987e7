"""What `predict` says of the samples is what the running pipeline does to them."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from schemas.departments import load_departments
from tests.ledger import Ledger
from tests.pipeline import ROOT, Pipeline

SAMPLES = ROOT / "deploy" / "samples" / "observations.jsonl"


async def predicted() -> dict[str, list[dict[str, Any]]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.classifier.predict"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(SAMPLES.read_bytes())
    assert process.returncode == 0
    answers = [json.loads(line) for line in output.splitlines()]
    ids = [json.loads(line)["id"] for line in SAMPLES.read_text().splitlines()]
    assert [answer["id"] for answer in answers] == ids, "one answer for each sample, in order"
    return {answer["id"]: answer["departments"] for answer in answers}


async def test_departments_of_predict_are_those_of_the_pipeline(
    kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    samples = [json.loads(line) for line in SAMPLES.read_text().splitlines()]
    items = [
        {name: value for name, value in sample.items() if name != "id"}
        | {"idempotency_key": sample["id"]}
        for sample in samples
    ]
    ledger = Ledger()
    async with Pipeline(kafka_servers, mongo_url, tmp_path) as pipeline:
        async with pipeline.http("intake", pipeline.charity_key) as client:
            ledger.accepted = await pipeline.submit_batch(client, items)
        await ledger.settle(pipeline.database)
        decided = {
            row["feedback_id"]: row["departments"]
            async for row in pipeline.database["routing_decisions"].find()
        }
    departments = load_departments()
    for sample, expected in (await predicted()).items():
        done = [
            {
                "department": departments.by_code(each["department"]).slug,
                "role": each["role"],
                "because": each["because"],
            }
            for each in decided[ledger.accepted[sample]]
        ]
        assert done == expected, sample
