"""Topic streams on the real broker and database: who gets what, resuming, resets, endings."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from schemas.codec import decode
from schemas.envelope import FeedbackRouted
from schemas.feedback import Marking
from services.accounts.key_store import MongoKeyStore
from services.accounts.keys import parse_key
from services.departments.stream_log import read_cursor, write_cursor
from tests.builders import feedback_id
from tests.streaming import Reader
from tests.waiting import until
from tests.working import Departments, publish, routed, running_departments

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(kafka_servers: str, mongo_url: str) -> AsyncIterator[Departments]:
    name = uuid.uuid4().hex[:8]
    async with running_departments(
        kafka_servers, mongo_url, f"test_{name}", f"t{name}.", stream_heartbeat_seconds=0.3
    ) as it:
        yield it
        await it.database.client.drop_database(it.database.name)


async def test_a_stream_sends_the_events_of_its_areas_without_text(service: Departments) -> None:
    client = await service.client("DWP")
    async with Reader(client, "housing", "social-care") as some, Reader(client) as everything:
        await service.publish(
            [routed(1, "housing"), routed(2, "schools"), routed(3, "social-care", "housing")]
        )
        await some.until_subjects(1, 3)
        await everything.until_subjects(1, 2, 3)
        assert feedback_id(2) not in some.subjects
    first = next(f for f in everything.got if feedback_id(1) in f.data)
    assert first.event == "feedback.routed"
    assert decode(first.data.encode(), FeedbackRouted) == routed(1, "housing")
    assert "damp" not in first.data
    assert json.loads(first.data)["specversion"] == "1.0"


async def test_sensitive_feedback_reaches_its_holders_only(service: Departments) -> None:
    holder, other = await service.client("MHCLG"), await service.client("DWP")
    async with Reader(holder) as held, Reader(other) as seen:
        await service.publish([routed(10, marking=Marking.SENSITIVE)])
        await held.until_subjects(10)
        await service.publish([routed(11)])
        await seen.until_subjects(11)
        await asyncio.sleep(0.3)
        assert feedback_id(10) not in seen.subjects
    async with Reader(other, cursor=write_cursor({})) as again:
        await again.until_subjects(11)
        assert feedback_id(10) not in again.subjects


async def test_a_repeated_event_is_sent_once(service: Departments) -> None:
    client = await service.client("DWP")
    async with Reader(client) as reader:
        await service.publish([routed(20)])
        await service.publish([routed(20), routed(21)])
        await reader.until_subjects(20, 21)
        await service.publish([routed(20), routed(22)])
        await reader.until_subjects(22)
        assert reader.subjects.count(feedback_id(20)) == 1


async def test_a_record_that_is_no_event_is_passed_over(service: Departments) -> None:
    client = await service.client("DWP")
    async with Reader(client) as reader:
        await publish(
            service.settings.kafka_servers, service.topic("feedback.routed"), [b"not an event"]
        )
        await service.publish([routed(30)])
        await reader.until_subjects(30)


async def test_a_stream_resumes_with_nothing_missed_and_nothing_repeated(
    service: Departments,
) -> None:
    client = await service.client("DWP")
    numbers = range(100, 400)
    seen: list[str] = []
    async with Reader(client) as reader:
        await service.publish([routed(number) for number in numbers[:50]])
        await until(lambda: len(reader.got) > 10, "some events")
    cursor, seen = reader.cursor, reader.subjects
    writing = asyncio.create_task(service.publish([routed(number) for number in numbers[50:]]))
    while len(seen) < len(numbers):
        before = len(seen)
        async with Reader(client, cursor=cursor) as reader:
            await until(lambda: len(reader.got) > 20 or len(seen) + len(reader.got) >= 300, "more")  # noqa: B023
        seen += reader.subjects
        cursor = reader.cursor
        assert len(seen) > before
    await writing
    assert sorted(seen) == sorted(feedback_id(number) for number in numbers)


async def test_a_quiet_stream_is_kept_open_and_its_cursor_young(service: Departments) -> None:
    client = await service.client("DWP")
    async with client.stream("GET", "/v1/streams", params={"area": "social-care"}) as response:
        lines = response.aiter_lines()
        opening = [await anext(lines) for _ in range(3)]
        assert opening[0].startswith("retry: ")
        assert opening[1].startswith("id: ")
        comment, fresh = await anext(lines), await anext(lines)
        assert comment.startswith(":")
        read_cursor(fresh.removeprefix("id: "))
        await lines.aclose()  # type: ignore[attr-defined]


async def test_revoking_a_key_ends_its_open_stream_and_no_other(service: Departments) -> None:
    revoked, good = await service.client("DWP"), await service.client("MHCLG")
    async with Reader(revoked) as ending, Reader(good) as lasting:
        key = parse_key(revoked.headers["authorization"].removeprefix("Bearer "))
        await MongoKeyStore(service.database).revoke(key.key_id, datetime.now(UTC))
        await until(ending.ended.is_set, "the stream to end")
        assert (await revoked.get("/v1/streams")).status_code == 401
        await service.publish([routed(40)])
        await lasting.until_subjects(40)
        assert feedback_id(40) not in ending.subjects


async def test_requests_that_cannot_be_served_say_why(service: Departments) -> None:
    client = await service.client("DWP")
    unknown = await client.get("/v1/streams", params={"area": "witchcraft"})
    assert unknown.status_code == 422
    assert "witchcraft" in unknown.json()["detail"]
    malformed = await client.get("/v1/streams", headers={"last-event-id": "17"})
    assert malformed.status_code == 400
    charity = await service.client("org-1", "charity")
    assert (await charity.get("/v1/streams")).status_code == 403
    async with httpx.AsyncClient() as nobody:
        assert (await nobody.get(f"{service.url}/v1/streams")).status_code == 401


async def test_a_cursor_older_than_retention_is_reset(service: Departments) -> None:
    client = await service.client("DWP")
    async with Reader(client) as reader:
        await service.publish([routed(500), routed(501)])
        await reader.until_subjects(500, 501)
    old = reader.got[0].id
    ages_ago = datetime.now(UTC) - timedelta(days=31)
    await service.database["stream_log"].update_many({}, {"$set": {"logged_at": ages_ago}})
    async with Reader(client, cursor=old) as again:
        await until(lambda: again.got, "the reset")
        assert again.got[0].event == "reset"
        await service.publish([routed(502)])
        await again.until_subjects(502)
        assert again.subjects == [feedback_id(502)]
    async with Reader(client, cursor=again.cursor) as later:
        await service.publish([routed(503)])
        await later.until_subjects(503)
        assert [each.event for each in later.got] == ["feedback.routed"]


async def test_a_cursor_from_another_log_is_reset(service: Departments) -> None:
    client = await service.client("DWP")
    async with Reader(client, cursor=write_cursor({0: 10**12})) as reader:
        await until(lambda: reader.got, "the reset")
    assert reader.got[0].event == "reset"


async def test_more_streams_than_allowed_are_told_to_come_again(
    kafka_servers: str, mongo_url: str, mongo_database: str, topic_prefix: str
) -> None:
    async with running_departments(
        kafka_servers, mongo_url, mongo_database, topic_prefix, stream_clients=1
    ) as service:
        client = await service.client("DWP")
        async with Reader(client):
            answer = await client.get("/v1/streams")
            assert answer.status_code == 503
            assert answer.headers["retry-after"]


async def test_open_streams_are_counted(service: Departments) -> None:
    client = await service.client("DWP")

    async def count() -> float:
        text = (await client.get("/metrics")).text
        (line,) = [each for each in text.splitlines() if each.startswith("frontline_stream_cl")]
        return float(line.split()[-1])

    async def counts(number: float) -> bool:
        return await count() == number

    await until(lambda: counts(0), "no stream")
    async with Reader(client), Reader(client):
        assert await count() == 2
    await until(lambda: counts(0), "none any more")
