"""P5: submissions by API against a bare echo; P12: from 202 to leasable."""

import asyncio
import json
import sys
import uuid
from contextlib import suppress
from statistics import median, quantiles
from time import perf_counter

from tests.benchmarks.compare import Row, compare
from tests.benchmarks.load import post, request_rate
from tests.infra import free_port
from tests.pipeline import ROOT, Pipeline
from tests.waiting import until

_REQUESTS = 6_000
_CONNECTIONS = 64
_BATCH = 100
_BATCHES = 60
_LATENCIES = 200
_TEXT = (
    "Families we support in temporary accommodation live with damp and mould for months. The"
    " council says repairs are the landlord's; the landlord says they are the council's. Children"
    " miss school because of asthma, and nobody answers letters. "
)
_SUBMISSION = {"kind": "observation", "text": _TEXT * 2, "place": {"postcode": "LS6 3AB"}}


async def measure_submissions(pipeline: Pipeline) -> list[Row]:
    """One at a time on each of `_CONNECTIONS` connections, each with an Idempotency-Key."""
    intake, port = pipeline.services["intake"].port, free_port()
    body = json.dumps(_SUBMISSION).encode()
    authorization = {"Authorization": f"Bearer {pipeline.charity_key}"}
    command = [sys.executable, "-m", "tests.benchmarks.echo", str(port)]
    echo = await asyncio.create_subprocess_exec(*command, cwd=ROOT)

    def single(_number: int) -> bytes:
        return post("/v1/feedback", body, authorization | {"Idempotency-Key": uuid.uuid4().hex})

    def batch(_number: int) -> bytes:
        items = [_SUBMISSION | {"idempotency_key": uuid.uuid4().hex} for _ in range(_BATCH)]
        return post("/v1/feedback/batch", json.dumps({"items": items}).encode(), authorization)

    async def ours() -> float:
        return await request_rate(intake, single, _REQUESTS, _CONNECTIONS)

    async def raw() -> float:
        return await request_rate(port, single, _REQUESTS, _CONNECTIONS)

    async def batches() -> float:
        return _BATCH * await request_rate(intake, batch, _BATCHES, 4)

    try:
        await until(lambda: _listens(port), "the echo")
        return [
            await compare(
                "P5",
                f"submission by API, {_CONNECTIONS} at once, against echo",
                ours,
                raw,
                goal=0.40,
            ),
            await compare(
                "P5",
                f"batches of {_BATCH}, events a second, against single",
                batches,
                ours,
                goal=10.0,
                repeats=3,
            ),
        ]
    finally:
        echo.terminate()
        await echo.wait()


async def _listens(port: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


async def measure_latency(pipeline: Pipeline) -> list[Row]:
    """One submission at a time on an idle pipeline; its lead department waits by long polling."""
    key = await pipeline.key("department", "MHCLG")
    slug = "ministry-of-housing-communities-local-government"
    waits = []
    async with (
        pipeline.http("intake", pipeline.charity_key) as charity,
        pipeline.http("departments", key) as department,
    ):
        for _ in range(_LATENCIES):
            receiving = asyncio.create_task(
                department.post(
                    f"/v1/departments/{slug}/queue/receive",
                    json={"max_items": 1, "wait_seconds": 20},
                )
            )
            await asyncio.sleep(0.05)
            accepted = await charity.post("/v1/feedback", json=_SUBMISSION)
            started = perf_counter()
            assert accepted.status_code == 202, accepted.text
            [item] = (await receiving).json()["items"]
            waits.append(perf_counter() - started)
            assert item["feedback"]["id"] == accepted.json()["id"]
            lease = {"item_id": item["item_id"], "lease_token": item["lease_token"]}
            await department.post(
                f"/v1/departments/{slug}/queue/acknowledge", json={"leases": [lease]}
            )
    middle, last = median(waits), quantiles(waits, n=100)[98]
    detail = f"{_LATENCIES} submissions, longest {max(waits) * 1000:,.0f} ms"
    what = "from 202 to leasable, unloaded"
    return [
        Row("P12", f"{what}, median", f"{middle * 1000:.0f} ms", "250 ms", middle < 0.25, detail),
        Row(
            "P12", f"{what}, 99th percentile", f"{last * 1000:.0f} ms", "1000 ms", last < 1, detail
        ),
    ]
