"""Dead letters and dead items over HTTP: seen, redriven in the background, cancelled, discarded."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.queues.mongo_store import MongoQueueStore
from services.runtime.deadletter import Failure, dead_letter
from services.runtime.errors import Malformed, Permanent
from services.runtime.kafka import Producer
from services.runtime.metrics import Metrics
from tests.builders import feedback, feedback_id, record
from tests.component.queue_stores import new_item
from tests.console import give_key
from tests.pipeline import Pipeline
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

REASON = {"reason": "a test"}
LETTERS = 40


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pipeline(
    kafka_servers: str, mongo_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pipeline]:
    folder = tmp_path_factory.mktemp("console")
    async with Pipeline(kafka_servers, mongo_url, folder, services=("console",)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(pipeline: Pipeline) -> AsyncIterator[httpx.AsyncClient]:
    async with pipeline.http("console", await pipeline.key("operator", "on-call")) as opened:
        yield opened


async def plant(pipeline: Pipeline, numbers: range, error: Any) -> None:
    """Dead letters of the classifier, as it writes them."""
    now, prefix = datetime.now(UTC), pipeline.topic_prefix
    dead = [
        dead_letter(
            Failure(
                record(
                    b'{"text": "SPOKEN WORDS"}',
                    offset=number,
                    key=feedback_id(number).encode(),
                    topic=f"{prefix}feedback.received",
                ),
                error,
                1,
                now,
                now,
            ),
            f"{prefix}classifier",
            "classifier",
            "1.0",
        )
        for number in numbers
    ]
    async with Producer(pipeline.provisioning, "test", Metrics()) as producer:
        await producer.publish(dead)


async def total(client: httpx.AsyncClient, **wanted: Any) -> int:
    answer = await client.get("/v1/dead-letters", params=wanted)
    assert answer.status_code == 200, answer.text
    found: int = answer.json()["total"]
    return found


async def redrive(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    shown: dict[str, Any] = (await client.get(f"/v1/redrives/{name}")).json()
    return shown


async def test_letters_are_listed_shown_and_redriven_in_the_background(
    pipeline: Pipeline, client: httpx.AsyncClient
) -> None:
    await plant(pipeline, range(LETTERS), Permanent("a rule has no department"))
    page = (await client.get("/v1/dead-letters", params={"limit": 3})).json()
    assert page["total"] == LETTERS
    assert len(page["letters"]) == 3
    after = {"limit": 1_000, "after": page["letters"][-1]["id"]}
    assert len((await client.get("/v1/dead-letters", params=after)).json()["letters"]) == 37

    one = await client.get(f"/v1/dead-letters/{page['letters'][0]['id']}")
    assert one.json()["record"]["key"]
    assert "SPOKEN" not in one.text
    text = await client.post(f"/v1/dead-letters/{page['letters'][0]['id']}/text", json=REASON)
    assert text.status_code == 403

    only = {"topic": "feedback.received", "matching": "no department"}
    preview = (await client.get("/v1/dead-letters/preview", params=only)).json()
    assert preview["total"] == LETTERS

    order = {**only, **REASON, "name": "slow", "rate": 4}
    begun = await client.post("/v1/redrives", json=order)
    assert begun.status_code == 202, begun.text
    assert begun.headers["location"] == "/v1/redrives/slow"
    assert begun.json()["state"] == "running"

    async def some() -> bool:
        return int((await redrive(client, "slow"))["redriven"]) > 0

    await until(some, "some letters to be redriven", 20)
    assert (await client.post("/v1/redrives/slow/cancel", json=REASON)).status_code == 200

    async def cancelled() -> bool:
        return bool((await redrive(client, "slow"))["state"] == "cancelled")

    await until(cancelled, "the redrive to stop", 20)
    gone = int((await redrive(client, "slow"))["redriven"])
    assert 0 < gone < LETTERS
    assert await total(client) == LETTERS - gone

    again = await client.post("/v1/redrives", json={**only, **REASON, "name": "rest"})
    assert again.status_code == 202, again.text

    async def done() -> bool:
        return bool((await redrive(client, "rest"))["state"] == "done")

    await until(done, "the rest to be redriven", 20)
    assert await total(client) == 0
    assert await total(client, state="redriven") == LETTERS
    names = [each["name"] for each in (await client.get("/v1/redrives")).json()]
    assert names == ["rest", "slow"]
    entries = (await client.get("/v1/audit", params={"subject": "slow"})).json()
    assert {each["action"] for each in entries} >= {
        "dead_letters.redrive",
        "dead_letters.redrive_ended",
    }


async def test_letters_are_discarded(pipeline: Pipeline, client: httpx.AsyncClient) -> None:
    await plant(pipeline, range(1_000, 1_005), Malformed("not an event"))
    only = {"error": "Malformed"}
    assert await total(client, **only) == 5
    answer = await client.post("/v1/dead-letters/discard", json={**only, **REASON, "most": 2})
    assert answer.json() == {"discarded": 2}
    assert await total(client, **only) == 3
    assert await total(client, **only, state="discarded") == 2


async def test_dead_items_are_put_back_and_discarded(
    pipeline: Pipeline, client: httpx.AsyncClient
) -> None:
    store = MongoQueueStore(pipeline.database)
    items = [new_item(number, "DHSC") for number in range(3)]
    await store.enqueue([feedback(number) for number in range(3)], items)
    refs = [each.lease for each in await store.receive("DHSC", 10, 60)]
    await store.dead_letter("DHSC", refs, "Not a matter for us.")
    wanted = {"department": "DHSC"}
    page = (await client.get("/v1/dead-items", params=wanted)).json()
    assert page["total"] == 3
    shown = await client.get(f"/v1/dead-items/{page['items'][0]['id']}")
    assert shown.json()["reason_is_theirs"]
    preview = (await client.get("/v1/dead-items/preview", params=wanted)).json()
    assert preview["departments"] == {"DHSC": 3}
    answer = await client.post("/v1/dead-items/redrive", json={**wanted, **REASON, "most": 1})
    assert answer.json() == {"expected": 1, "changed": 1}
    reader = await give_key(pipeline.database, "operator", "reader", reads_text=True)
    async with pipeline.http("console", reader) as reading:
        theirs = {**wanted, **REASON, "matching": "not a matter", "text": True}
        answer = await reading.post("/v1/dead-items/discard", json=theirs)
    assert answer.json() == {"expected": 2, "changed": 2}


@pytest.mark.parametrize(
    ("path", "order", "status"),
    [
        ("redrives", {}, 422),
        ("redrives", {"topic": "feedback.nowhere"}, 422),
        ("redrives", {"matching": "nothing is like this"}, 404),
        ("redrives", {"name": "a b", "ids": ["x"]}, 422),
        ("redrives", {"ids": ["x"], "rate": 0}, 422),
        ("redrives", {"ids": "x"}, 422),
        ("redrives", {"state": ["lost"], "ids": ["x"]}, 422),
        ("dead-letters/discard", {}, 422),
        ("dead-letters/discard", {"ids": ["x"]}, 404),
        ("dead-letters/discard", {"died_before": "0001-01-01T00:00:00+14:00"}, 422),
        ("dead-letters/discard", {"died_before": "2026-01-01T00:00:00"}, 422),
        ("dead-items/redrive", {"department": "ministry-of-magic"}, 422),
        ("dead-items/discard", {"department": "HUB", "matching": "x"}, 404),
    ],
)
async def test_what_cannot_be_done_says_so(
    client: httpx.AsyncClient, path: str, order: dict[str, Any], status: int
) -> None:
    answer = await client.post(f"/v1/{path}", json={**order, **REASON})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_what_is_not_there_is_said(client: httpx.AsyncClient) -> None:
    for path in ("dead-letters/x", "redrives/x", "dead-items/x"):
        assert (await client.get(f"/v1/{path}")).status_code == 404
    assert (await client.post("/v1/redrives/x/cancel", json=REASON)).status_code == 404
    for wrong in ({"colour": "red"}, {"died_since": "0.5"}, {"died_since": "2026-01-01T00:00:00"}):
        assert (await client.get("/v1/dead-letters", params=wrong)).status_code == 422
