"""Kafka or MongoDB away for a while: intake answers, nothing accepted is lost, all recovers."""

import asyncio
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from tests.infra import Handle
from tests.ledger import Ledger
from tests.pipeline import Pipeline
from tests.waiting import until

KAFKA_AWAY_SECONDS = 20


def submission(number: int) -> dict[str, Any]:
    return {"kind": "observation", "text": f"Damp homes, and nobody mends them. Case {number}."}


async def submit(client: httpx.AsyncClient, number: int) -> httpx.Response:
    return await client.post(
        "/v1/feedback", json=submission(number), headers={"Idempotency-Key": f"key-{number}"}
    )


@pytest.mark.timeout(300)
async def test_submissions_go_on_while_kafka_is_away_and_all_arrive_after(
    kafka_servers: str, kafka_server: Handle, mongo_url: str, tmp_path: Path
) -> None:
    ledger = Ledger()
    async with Pipeline(kafka_servers, mongo_url, tmp_path) as pipeline:
        async with pipeline.http("intake", pipeline.charity_key) as client:
            await asyncio.to_thread(kafka_server.stop)
            ends, number, slowest = monotonic() + KAFKA_AWAY_SECONDS, 0, 0.0
            while monotonic() < ends:
                asked = monotonic()
                answer = await submit(client, number)
                slowest = max(slowest, monotonic() - asked)
                assert answer.status_code == 202, answer.text
                ledger.accepted[f"key-{number}"] = answer.json()["id"]
                number += 1
                await asyncio.sleep(0.01)
            await asyncio.to_thread(kafka_server.start)
        assert number > 200, "the breaker lets requests answer from the receipt at once"
        assert slowest < 5
        await ledger.settle(pipeline.database)
        for service in pipeline.services.values():
            await service.ready()


@pytest.mark.timeout(300)
async def test_without_mongodb_intake_says_so_quickly_and_everything_recovers(
    kafka_servers: str, mongo_url: str, mongo_server: Handle, tmp_path: Path
) -> None:
    ledger = Ledger()
    async with Pipeline(kafka_servers, mongo_url, tmp_path) as pipeline:
        async with pipeline.http("intake", pipeline.charity_key) as client:
            first = await submit(client, 0)
            ledger.accepted["key-0"] = first.json()["id"]
            pids = {name: service.pid for name, service in pipeline.services.items()}
            await asyncio.to_thread(mongo_server.stop)
            for number in range(1, 4):
                asked = monotonic()
                answer = await submit(client, number)
                assert monotonic() - asked < 2
                assert answer.status_code == 503
                assert int(answer.headers["Retry-After"]) >= 1
                assert answer.headers["Content-Type"] == "application/problem+json"
            await asyncio.to_thread(mongo_server.start)

            async def accepted(number: int) -> bool:
                answer = await submit(client, number)
                if answer.status_code == 202:
                    ledger.accepted[f"key-{number}"] = answer.json()["id"]
                return answer.status_code == 202

            for number in range(1, 4):
                await until(lambda: accepted(number), "a submission after the outage", 60)  # noqa: B023
        await ledger.settle(pipeline.database)
        for name, service in pipeline.services.items():
            await service.ready()
            assert service.runs(), f"{name} crashed"
            assert service.pid == pids[name]
