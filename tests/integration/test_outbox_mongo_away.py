"""MongoDB is away: a 503 that says what to do in under two seconds, and recovery by itself."""

import asyncio
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.infra import Handle
from tests.submitting import IntakeProcess, intake_process
from tests.waiting import until


async def submit_timed(intake: IntakeProcess, key: str) -> tuple[httpx.Response, float]:
    started = monotonic()
    answer = await intake.submit(idempotency_key=key)
    return answer, monotonic() - started


@pytest.mark.parametrize("how", ["stop", "pause"])
async def test_submissions_are_refused_quickly_and_recover(
    how: str, mongo_server: Handle, kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    async with intake_process(kafka_servers, mongo_url, tmp_path) as intake:
        fresh = await intake.pipeline.key("charity", "food-shed", "Food Shed")
        first = await intake.submit(idempotency_key="before")
        await asyncio.to_thread(getattr(mongo_server, how))
        try:
            for turn in range(3):
                calls = [submit_timed(intake, f"{turn}-{number}") for number in range(10)]
                for answer, seconds in await asyncio.gather(*calls):
                    assert answer.status_code == 503, answer.text
                    assert int(answer.headers["retry-after"]) >= 1
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert "same Idempotency-Key" in answer.json()["detail"]
                    assert seconds < 2.0
            started = monotonic()
            unseen = await intake.submit(authorization=f"Bearer {fresh}")
            assert unseen.status_code == 503, "its key cannot be looked up"
            assert monotonic() - started < 2.0
            assert (await intake.client.get("/health/live")).status_code == 200
            assert (await intake.client.get("/health/ready")).status_code == 503
        finally:
            await asyncio.to_thread(mongo_server.start if how == "stop" else mongo_server.resume)

        async def accepted_again() -> bool:
            return (await intake.submit(idempotency_key="0-0")).status_code == 202

        await until(accepted_again, "submissions to be accepted again", 30)
        assert (await intake.submit(idempotency_key="before")).text == first.text
        identities = [each["_id"] for each in await intake.receipts()]
        assert len(identities) == len(set(identities))
        assert intake.service.runs()
