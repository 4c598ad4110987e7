"""Tracking on the real broker and database: news comes as events and is read by the API."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from schemas.codec import encode
from schemas.topics import PROGRESSED, ROUTED
from tests.builders import feedback_id, reference
from tests.submitting import IntakeProcess, intake_process
from tests.unit.test_intake_tracking import NOW, acknowledged, routed
from tests.waiting import until


@pytest.fixture
async def intake(
    kafka_servers: str, mongo_url: str, tmp_path: Path
) -> AsyncIterator[IntakeProcess]:
    async with intake_process(kafka_servers, mongo_url, tmp_path) as running:
        yield running


async def send(intake: IntakeProcess, *events: tuple[str, bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=intake.pipeline.kafka_servers, acks="all")
    async with producer:
        for topic, value in events:
            await producer.send_and_wait(intake.pipeline.topic_prefix + topic, value, key=b"k")


async def test_routed_and_progressed_events_become_the_history(intake: IntakeProcess) -> None:
    made = (await intake.submit()).json()
    fields = {"feedback_id": made["id"], "reference": made["reference"]}

    def about_it(event: bytes) -> bytes:
        return (
            event.replace(feedback_id(1).encode(), fields["feedback_id"].encode())
            .replace(reference(1).encode(), fields["reference"].encode())
            .replace(b'"2026-11-02T12', b'"2096-11-02T12')  # after it was received
        )

    queued = about_it(encode(routed(1, "DHSC", "HUB")))
    done = about_it(encode(acknowledged(1, "DHSC", 60)))
    await send(intake, (ROUTED.name, queued), (ROUTED.name, queued), (PROGRESSED.name, done))

    async def seen() -> bool:
        answer = await intake.client.get(made["status_url"])
        return bool(answer.json()["status"] == "acknowledged")

    await until(seen, "the acknowledgement")

    async def lines() -> list[tuple[str, str | None]]:
        history = (await intake.client.get(made["status_url"])).json()["history"]
        return [(each["what"], each["department"]) for each in history]

    async def complete() -> bool:
        return len(await lines()) == 4

    await until(complete, "both queues")
    assert await lines() == [
        ("received", None),
        ("queued", "department-of-health-and-social-care"),
        ("queued", "partnerships-hub"),
        ("acknowledged", "department-of-health-and-social-care"),
    ]
    assert NOW.year == 2026


async def test_health_metrics_and_description_are_served(intake: IntakeProcess) -> None:
    async def ready() -> bool:
        answer = await intake.client.get("/health/ready")
        return answer.status_code == 200 and answer.json()["reasons"] == {}

    await until(ready, "readiness")
    assert (await intake.client.get("/health/live")).status_code == 200
    assert "frontline_outbox_receipts" in (await intake.client.get("/metrics")).text
    assert (await intake.client.get("/openapi.json")).status_code == 200
