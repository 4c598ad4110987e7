"""The queue verbs over HTTP, as a department's own system uses them."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer

from schemas.codec import decode
from schemas.departments import load_departments
from schemas.envelope import FeedbackProgressed
from schemas.progress import Step
from tests.builders import feedback, feedback_id
from tests.waiting import until
from tests.working import HOUSING, Departments, running_departments

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLUGS = {each.code: each.slug for each in load_departments().departments}
VERBS = ("acknowledge", "extend", "release", "dead-letter")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(kafka_servers: str, mongo_url: str) -> AsyncIterator[Departments]:
    name = uuid.uuid4().hex[:8]
    async with running_departments(kafka_servers, mongo_url, f"test_{name}", f"t{name}.") as it:
        yield it
        await it.database.client.drop_database(it.database.name)


class Worker:
    """A department's system."""

    def __init__(self, client: httpx.AsyncClient, code: str) -> None:
        self.client = client
        self.path = f"/v1/departments/{SLUGS[code]}/queue"

    async def post(self, verb: str, **body: Any) -> httpx.Response:
        return await self.client.post(f"{self.path}/{verb}", json=body)

    async def receive(self, **body: Any) -> list[dict[str, Any]]:
        response = await self.post("receive", **body)
        assert response.status_code == 200, response.text
        items: list[dict[str, Any]] = response.json()["items"]
        return items

    async def act(self, verb: str, items: list[dict[str, Any]], **body: Any) -> list[str]:
        leases = [{key: item[key] for key in ("item_id", "lease_token")} for item in items]
        response = await self.post(verb, leases=leases, **body)
        assert response.status_code == 200, response.text
        results = response.json()["results"]
        assert [each["item_id"] for each in results] == [item["item_id"] for item in items]
        return [each["result"] for each in results]

    async def depth(self) -> dict[str, Any]:
        depth: dict[str, Any] = (await self.client.get(self.path)).json()
        return depth


async def worker(service: Departments, code: str) -> Worker:
    return Worker(await service.client(code), code)


async def test_an_item_is_received_with_its_feedback_and_acknowledged(
    service: Departments,
) -> None:
    at_work = await worker(service, "MHCLG")
    said = feedback(1, provenance={"method": "drop-in sessions", "people": 42}, place="LS6 3AB")
    await service.fill([1], "MHCLG", provenance=said.provenance, place=said.place)
    before = datetime.now(UTC)
    (item,) = await at_work.receive(max_items=10, visibility_seconds=60)
    assert set(item) == {
        *("item_id", "lease_token", "lease_until", "receive_count"),
        *("role", "areas", "because", "traceparent", "feedback"),
    }
    assert (item["role"], item["areas"], item["receive_count"]) == ("lead", ["housing"], 1)
    assert item["feedback"]["id"] == said.id
    assert item["feedback"]["text"] == said.text
    assert item["feedback"]["reference"] == said.reference
    assert item["feedback"]["provenance"] == {
        "method": "drop-in sessions",
        "people": 42,
        "places": [],
    }
    assert item["feedback"]["organisation"]["name"] == "Advice Shed"
    assert item["feedback"]["received_at"] == "2026-11-02T12:00:00Z"
    until_ = datetime.fromisoformat(item["lease_until"])
    assert abs(until_ - before - timedelta(seconds=60)) < timedelta(seconds=10)
    assert await at_work.receive() == []
    assert await at_work.act("acknowledge", [item]) == ["done"]
    assert await at_work.act("acknowledge", [item]) == ["already_done"]


async def test_leases_are_extended_released_and_dead_lettered(service: Departments) -> None:
    at_work = await worker(service, "DEFRA")
    await service.fill(range(10, 13), "DEFRA")
    first, second, third = await at_work.receive(max_items=100)
    assert await at_work.act("extend", [first], visibility_seconds=600) == ["done"]
    assert await at_work.act("release", [second], delay_seconds=3_600) == ["done"]
    assert await at_work.act("dead-letter", [third], reason="Not a matter for us.") == ["done"]
    depth = await at_work.depth()
    assert depth.pop("oldest_age_seconds") >= 0
    assert depth == {"waiting": 1, "in_flight": 1, "dead": 1}


async def test_every_lease_of_a_call_gets_its_own_result(service: Departments) -> None:
    at_work = await worker(service, "DFT")
    await service.fill(range(20, 22), "DFT")
    first, second = await at_work.receive(max_items=2)
    await at_work.act("acknowledge", [first])
    strange = {"item_id": "no such item", "lease_token": second["lease_token"]}
    forged = second | {"lease_token": "forged"}
    results = await at_work.act("acknowledge", [forged, first, strange, second])
    assert results == ["lost", "already_done", "unknown", "done"]


async def test_an_old_lease_token_has_no_effect(service: Departments) -> None:
    at_work = await worker(service, "DFE")
    await service.fill([30], "DFE")
    (old,) = await at_work.receive(visibility_seconds=1)
    again = await at_work.receive(wait_seconds=10)
    assert [item["receive_count"] for item in again] == [2]
    assert await at_work.act("extend", [old]) == ["lost"]
    assert await at_work.act("acknowledge", [old]) == ["lost"]
    assert await at_work.act("acknowledge", again) == ["done"]


async def test_a_long_poll_returns_as_soon_as_an_item_arrives(service: Departments) -> None:
    at_work = await worker(service, "DCMS")
    poll = asyncio.create_task(at_work.receive(wait_seconds=20))
    await asyncio.sleep(0.3)
    assert not poll.done()
    await service.fill([40], "DCMS")
    arrived = monotonic()
    assert len(await poll) == 1
    assert monotonic() - arrived < 2


async def test_a_long_poll_of_nothing_ends_with_nothing(service: Departments) -> None:
    at_work = await worker(service, "DBT")
    started = monotonic()
    assert await at_work.receive(wait_seconds=0.5) == []
    assert 0.4 < monotonic() - started < 5


async def test_a_client_that_leaves_its_long_poll_takes_no_items(service: Departments) -> None:
    at_work = await worker(service, "DESNZ")
    with pytest.raises(httpx.ReadTimeout):
        await at_work.client.post(f"{at_work.path}/receive", json={"wait_seconds": 20}, timeout=0.3)
    await asyncio.sleep(0.2)
    await service.fill([50], "DESNZ")
    (item,) = await at_work.receive(wait_seconds=5)
    assert item["receive_count"] == 1


async def test_the_body_of_receive_may_be_left_out(service: Departments) -> None:
    at_work = await worker(service, "DSIT")
    response = await at_work.client.post(f"{at_work.path}/receive")
    assert (response.status_code, response.json()) == (200, {"items": []})


async def test_another_departments_queue_is_refused(service: Departments) -> None:
    await service.fill([60], "DWP")
    stranger = await service.client("MOD")
    path = f"/v1/departments/{SLUGS['DWP']}/queue"
    answers = [await stranger.get(path)] + [
        await stranger.post(f"{path}/{verb}", json={}) for verb in ("receive", *VERBS)
    ]
    assert [each.status_code for each in answers] == [403] * 6
    assert "DWP" in answers[0].json()["detail"]
    at_work = await worker(service, "DWP")
    (item,) = await at_work.receive()
    assert await Worker(stranger, "MOD").act("acknowledge", [item]) == ["unknown"]


@pytest.mark.parametrize("role", ["charity", "operator"])
async def test_only_departments_work_queues(service: Departments, role: str) -> None:
    client = await service.client("somebody", role)
    path = f"/v1/departments/{HOUSING}/queue"
    assert (await client.post(f"{path}/receive", json={})).status_code == 403
    expected = 200 if role == "operator" else 403
    assert (await client.get(path)).status_code == expected


async def test_a_key_is_needed(service: Departments) -> None:
    path = f"{service.url}/v1/departments/{HOUSING}/queue/receive"
    async with httpx.AsyncClient() as client:
        for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic x"}):
            answer = await client.post(path, json={}, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"


async def test_an_unknown_slug_is_not_found_and_a_closed_one_names_its_heir(
    service: Departments,
) -> None:
    client = await service.client("MHCLG")
    unknown = await client.post("/v1/departments/no-such-department/queue/receive", json={})
    assert unknown.status_code == 404
    closed = "department-for-levelling-up-housing-and-communities"
    gone = await client.get(f"/v1/departments/{closed}/queue")
    assert gone.status_code == 410
    assert HOUSING in gone.json()["detail"]


BAD: list[tuple[str, Any, str]] = [
    ("receive", {"max_items": 0}, "#/max_items"),
    ("receive", {"max_items": 101}, "#/max_items"),
    ("receive", {"max_items": "10"}, "#/max_items"),
    ("receive", {"visibility_seconds": 43_201}, "#/visibility_seconds"),
    ("receive", {"wait_seconds": 21}, "#/wait_seconds"),
    ("receive", {"surprise": 1}, "#/surprise"),
    ("acknowledge", {}, "#/leases"),
    ("acknowledge", {"leases": [{"item_id": "x"}]}, "#/leases/0/lease_token"),
    ("acknowledge", {"leases": [{"item_id": "x", "lease_token": "y"}] * 501}, "#/leases"),
    ("extend", {"leases": [], "visibility_seconds": 0}, "#/visibility_seconds"),
    ("release", {"leases": [], "delay_seconds": -1}, "#/delay_seconds"),
    ("dead-letter", {"leases": []}, "#/reason"),
    ("dead-letter", {"leases": [], "reason": "  "}, "#/reason"),
    ("dead-letter", {"leases": [], "reason": "gone \x1b[2J"}, "#/reason"),
    ("dead-letter", {"leases": [], "reason": "gone \x9b2J"}, "#/reason"),
    ("dead-letter", {"leases": [], "reason": "turned \u202eround"}, "#/reason"),
    ("dead-letter", {"leases": [], "reason": "two\nlines"}, "#/reason"),
]


@pytest.mark.parametrize(("verb", "body", "pointer"), BAD)
async def test_a_wrong_body_is_answered_with_what_to_change(
    service: Departments, verb: str, body: Any, pointer: str
) -> None:
    answer = await (await worker(service, "HMT")).post(verb, **body)
    assert answer.status_code == 422
    assert pointer in [each["pointer"] for each in answer.json()["errors"]]


RAW: list[tuple[bytes, int]] = [
    (b"{", 400),
    (b"[" * 5_000 + b"]" * 5_000, 400),
    (b'{"leases": [{"item_id": "\\ud800", "lease_token": "x"}]}', 400),
    (b'{"leases": [], "wait": NaN}', 422),
    (b"[]", 422),
    (b"\xff\xfe", 400),
    (b'{"leases": ["' + b"x" * 10_000_000 + b'"]}', 413),
    (b'{"leases": [{"item_id": "a\\u0000b", "lease_token": "$NOW"}]}', 200),
]


@pytest.mark.parametrize(("body", "status"), RAW, ids=range(len(RAW)))
async def test_hostile_bytes_get_a_problem_and_no_fault(
    service: Departments, body: bytes, status: int
) -> None:
    at_work = await worker(service, "HMT")
    headers = {"content-type": "application/json"}
    answer = await at_work.client.post(f"{at_work.path}/acknowledge", content=body, headers=headers)
    assert answer.status_code == status
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"


async def test_another_content_type_is_refused(service: Departments) -> None:
    at_work = await worker(service, "HMT")
    answer = await at_work.client.post(f"{at_work.path}/receive", data={"max_items": "1"})
    assert answer.status_code == 415


async def test_an_acknowledgement_is_published_once_the_item_is_settled(
    service: Departments,
) -> None:
    at_work = await worker(service, "DHSC")
    await service.fill([70], "DHSC")
    items = await at_work.receive()
    assert await at_work.act("acknowledge", items) == ["done"]
    consumer = AIOKafkaConsumer(
        service.topic("feedback.progressed"),
        bootstrap_servers=service.settings.kafka_servers,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:

        async def published() -> FeedbackProgressed | None:
            batch = await consumer.getmany(timeout_ms=200)
            events = [decode(r.value, FeedbackProgressed) for rs in batch.values() for r in rs]
            return next((each for each in events if each.subject == feedback_id(70)), None)

        event = await until(published, "the event")
    finally:
        await consumer.stop()
    assert (event.data.department, event.data.step) == ("DHSC", Step.ACKNOWLEDGED)
    rows = service.database["queue_items"]

    async def marked() -> bool:
        row = await rows.find_one({"_id": items[0]["item_id"]})
        return row is not None and row["progress"] == "published"

    await until(marked, "the mark")


async def test_what_became_of_leases_is_measured(service: Departments) -> None:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{service.url}/metrics")).text
    assert 'frontline_leases_total{department="MHCLG",result="leased",verb="receive"}' in text
    assert 'frontline_leases_total{department="MHCLG",result="already_done"' in text


async def test_the_api_describes_itself(service: Departments) -> None:
    async with httpx.AsyncClient() as client:
        document = (await client.get(f"{service.url}/openapi.json")).json()
    paths = document["paths"]
    base = "/v1/departments/{slug}/queue"
    assert {f"{base}/{verb}" for verb in ("receive", *VERBS)} | {base, "/v1/streams"} <= set(paths)
    body = paths[f"{base}/receive"]["post"]["requestBody"]["content"]["application/json"]
    assert body["example"]["max_items"] == 10
    for path in paths.values():
        for operation in path.values():
            assert operation["security"] == [{"key": []}]
