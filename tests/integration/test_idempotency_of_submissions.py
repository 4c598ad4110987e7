"""A submission is taken once, whatever races for it: on the real broker and database."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.pipeline import Service
from tests.submitting import OBSERVATION, IntakeProcess, intake_process


@pytest.fixture
async def intake(
    kafka_servers: str, mongo_url: str, tmp_path: Path
) -> AsyncIterator[IntakeProcess]:
    async with intake_process(kafka_servers, mongo_url, tmp_path) as running:
        yield running


async def test_a_hundred_at_once_with_one_key_get_one_answer(intake: IntakeProcess) -> None:
    answers = await asyncio.gather(*[intake.submit(idempotency_key="one") for _ in range(100)])
    assert {each.status_code for each in answers} == {202}
    assert len({each.text for each in answers}) == 1
    assert len(await intake.receipts()) == 1


async def test_two_processes_agree_on_one_answer(intake: IntakeProcess, tmp_path: Path) -> None:
    pipeline = intake.pipeline
    second = Service("intake", pipeline.environment, tmp_path / "second.log")
    second.start()
    try:
        await second.ready()
        headers = {"authorization": f"Bearer {pipeline.charity_key}"}
        async with httpx.AsyncClient(base_url=second.url, headers=headers, timeout=30) as client:
            other = IntakeProcess(pipeline, client)
            calls = [
                each.submit(idempotency_key=f"key-{number % 10}")
                for number in range(100)
                for each in (intake, other)
            ]
            answers = await asyncio.gather(*calls)
    finally:
        second.kill()
    assert {each.status_code for each in answers} == {202}
    assert len({each.text for each in answers}) == 10
    assert len(await intake.receipts()) == 10


async def test_of_different_bodies_under_one_key_one_wins_and_the_others_are_told(
    intake: IntakeProcess,
) -> None:
    bodies = [OBSERVATION | {"text": f"Version {number}."} for number in range(20)]
    answers = await asyncio.gather(*[intake.submit(b, idempotency_key="k") for b in bodies])
    statuses = [each.status_code for each in answers]
    assert (statuses.count(202), statuses.count(422)) == (1, 19)
    winner = bodies[statuses.index(202)]
    again = await intake.submit(winner, idempotency_key="k")
    assert again.text == answers[statuses.index(202)].text
    assert len(await intake.receipts()) == 1


async def test_a_whole_batch_repeated_gets_its_first_answers(intake: IntakeProcess) -> None:
    items = [OBSERVATION | {"idempotency_key": f"item-{number}"} for number in range(500)]
    calls = [intake.client.post("/v1/feedback/batch", json={"items": items}) for _ in range(3)]
    answers = await asyncio.gather(*calls)
    assert {each.status_code for each in answers} == {202}
    assert len({each.text for each in answers}) == 1
    assert len(await intake.receipts()) == 500
