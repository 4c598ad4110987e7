"""Kafka is away while submissions go on: all are accepted, at once, and all are delivered after."""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.infra import Handle
from tests.submitting import IntakeProcess, intake_process
from tests.waiting import until

# aiokafka leaves the sockets of a consumer that met a restarting broker to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _collect_sockets() -> Iterator[None]:
    yield
    gc.collect()


async def empty(intake: IntakeProcess) -> None:
    """Waits for an empty outbox."""

    async def drained() -> bool:
        return await intake.unpublished() == 0

    await until(drained, "an empty outbox", 30)


def ids(answers: list[httpx.Response]) -> set[str]:
    assert {each.status_code for each in answers} == {202}
    return {each.json()["id"] for each in answers}


async def test_submissions_go_on_while_kafka_is_stopped(
    kafka_server: Handle, kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    async with intake_process(kafka_servers, mongo_url, tmp_path) as intake:
        accepted = ids([await intake.submit() for _ in range(5)])
        await asyncio.to_thread(kafka_server.stop)
        accepted |= ids([await intake.submit()])  # finds out that Kafka is away
        slowest = 0.0
        for _ in range(40):
            started = monotonic()
            accepted |= ids(list(await asyncio.gather(*[intake.submit() for _ in range(5)])))
            slowest = max(slowest, monotonic() - started)
        assert slowest < 1.0, "the breaker answers from the receipts"
        assert await intake.unpublished() > 200
        assert (await intake.client.get("/health/ready")).status_code == 200, "it takes submissions"
        assert "frontline_breaker_open 1.0" in (await intake.client.get("/metrics")).text

        await asyncio.to_thread(kafka_server.start)
        events = await intake.published(len(accepted))
        assert {each.subject for each in events} == accepted
        await empty(intake)
        references = {each["_id"]: each["reference"] for each in await intake.receipts()}
        assert all(references[each.subject] == each.data.reference for each in events)


async def test_a_kafka_that_hangs_holds_a_request_up_no_longer_than_its_deadline(
    kafka_server: Handle, kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    async with intake_process(kafka_servers, mongo_url, tmp_path) as intake:
        accepted = ids([await intake.submit()])
        kafka_server.pause()
        started = monotonic()
        accepted |= ids(list(await asyncio.gather(*[intake.submit() for _ in range(20)])))
        assert monotonic() - started < 4.0
        started = monotonic()
        accepted |= ids(list(await asyncio.gather(*[intake.submit() for _ in range(20)])))
        assert monotonic() - started < 1.0
        kafka_server.resume()
        assert {each.subject for each in await intake.published(len(accepted))} == accepted


async def test_a_killed_process_publishes_what_it_left_when_it_is_back(
    kafka_server: Handle, kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    async with intake_process(kafka_servers, mongo_url, tmp_path) as intake:
        await asyncio.to_thread(kafka_server.stop)
        accepted = ids([await intake.submit() for _ in range(10)])
        intake.service.kill()
        await asyncio.to_thread(kafka_server.start)
        intake.service.start()
        assert {each.subject for each in await intake.published(10)} == accepted
        await empty(intake)


async def test_sigterm_lets_requests_end_and_writes_every_mark(
    kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    async with intake_process(kafka_servers, mongo_url, tmp_path) as intake:
        calls = [asyncio.create_task(intake.submit()) for _ in range(200)]
        await until(lambda: any(call.done() for call in calls), "the first answer")
        code = await asyncio.to_thread(intake.service.stop)
        answers = await asyncio.gather(*calls, return_exceptions=True)
        answered = [each for each in answers if isinstance(each, httpx.Response)]
        assert code == 0
        assert answered
        accepted = {each.json()["id"] for each in answered if each.status_code == 202}
        receipts = await intake.receipts()
        assert accepted <= {each["_id"] for each in receipts}
        assert await intake.unpublished() == 0
