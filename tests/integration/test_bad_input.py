"""Whatever a client sends gets the right status and a problem that says what to change.

Nothing of it is stored, and nothing of it is the server's fault.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from services.accounts.key_store import MongoKeyStore
from services.accounts.keys import parse_key
from tests.submitting import OBSERVATION, IntakeProcess, intake_process

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def intake(
    kafka_servers: str, mongo_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[IntakeProcess]:
    folder = tmp_path_factory.mktemp("intake")
    async with intake_process(kafka_servers, mongo_url, folder, body_seconds=1.0) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def stored(intake: IntakeProcess) -> Callable[[], Awaitable[int]]:
    """Says how many receipts were added since the test began."""
    before = len(await intake.receipts())

    async def count() -> int:
        return len(await intake.receipts()) - before

    return count


Stored = Callable[[], Awaitable[int]]


@dataclass(frozen=True)
class Bad:
    """A body that is refused: with which status, pointing where, saying what."""

    name: str
    body: bytes
    status: int
    pointer: str | None = None
    said: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def body(**fields: Any) -> bytes:
    return json.dumps(OBSERVATION | fields).encode()


FUTURE = (datetime.now(UTC) + timedelta(days=3)).isoformat()
DEEP = b'{"kind":"observation","text":"x","about":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001

CASES = [
    Bad("nothing", b"", 400, said="JSON"),
    Bad("not JSON", b"kind=observation", 400, said="JSON"),
    Bad("cut off", b'{"kind":"observation","te', 400, said="JSON"),
    Bad("not UTF-8", b'{"kind":"observation","text":"\xff\xfe"}', 400, said="JSON"),
    Bad("lone surrogate", b'{"kind":"observation","text":"\\ud800"}', 400, said="JSON"),
    Bad("nested 5,000 deep", DEEP, 400, said="nested"),
    Bad("nested lists", b"[" * 5_000 + b"]" * 5_000, 400, said="nested"),
    Bad("a list", b"[]", 422, "#"),
    Bad("null", b"null", 422, "#"),
    Bad("no kind", b'{"text":"x"}', 422, "#/kind"),
    Bad("no text", b'{"kind":"observation"}', 422, "#/text"),
    Bad("unknown kind", body(kind="gossip"), 422, "#/kind", "observation"),
    Bad("text a number", body(text=5), 422, "#/text"),
    Bad("text a list", body(text=["x"]), 422, "#/text"),
    Bad("text empty", body(text=""), 422, "#/text"),
    Bad("text blank", body(text=" \n\t "), 422, "#/text", "word"),
    Bad("text too long", body(text="x" * 20_001), 422, "#/text", "20000"),
    Bad("NUL in the text", body(text="a\x00b"), 422, "#/text", "NUL"),
    Bad("NUL in a line", body(interests=["a\x00b"]), 422, "#/interests/0", "NUL"),
    Bad("NUL in a URL", body(about={"url": "https://a.example/\x00"}), 422, "#/about/url"),
    Bad("unknown field", body(txet="x"), 422, "#/txet"),
    Bad("field with $", body(**{"$where": "1"}), 422, "#/$where"),
    Bad("field with /", body(**{"a/b~c": "1"}), 422, "#/a~1b~0c"),
    Bad("id chosen", body(id="x"), 422, "#/id"),
    Bad("organisation chosen", body(organisation={"id": "other"}), 422, "#/organisation"),
    Bad("unknown field within", body(place={"gss": "E08000035", "x": 1}), 422, "#/place/x"),
    Bad("wrong place", body(place={"gss": "X1"}), 422, "#/place/gss"),
    Bad("wrong postcode", body(place="not a postcode"), 422, "#/place", "postcode"),
    Bad("empty place", body(place={}), 422, "#/place"),
    Bad("people a word", body(provenance={"people": "many"}), 422, "#/provenance/people"),
    Bad("people below none", body(provenance={"people": -1}), 422, "#/provenance/people"),
    Bad("people beyond count", body(provenance={"people": 10**30}), 422, "#/provenance/people"),
    Bad("marking unknown", body(marking="secret"), 422, "#/marking"),
    Bad("language unknown", body(language="English"), 422, "#/language"),
    Bad("time in the future", body(observed_at=FUTURE), 422, "#/observed_at", "future"),
    Bad("date in the future", body(observed_at=FUTURE[:10]), 422, "#/observed_at", "future"),
    Bad("time before all", body(observed_at="0001-01-01T00:00:00+14:00"), 422, "#/observed_at"),
    Bad("time without zone", body(observed_at="2026-01-01T10:00:00"), 422, "#/observed_at", "zone"),
    Bad("no time at all", body(observed_at="yesterday"), 422, "#/observed_at", "2026-03-02"),
    Bad("time a number", body(observed_at=1_700_000_000), 422, "#/observed_at"),
    Bad("date a number", body(provenance={"period_to": 0}), 422, "#/provenance/period_to"),
    Bad("number a text", body(provenance={"people": "42"}), 422, "#/provenance/people"),
    Bad("unknown area", body(about={"areas": ["astrology"]}), 422, "#/about/areas/0", "area"),
    Bad(
        "unknown department",
        body(about={"departments": ["cabinet-office", "ministry-of-magic"]}),
        422,
        "#/about/departments/1",
        "GOV.UK",
    ),
    Bad("10 MB", body(text="x" * 10_000_000), 413, said="262,144"),
    Bad("form", b"kind=observation", 415, headers={"content-type": "text/plain"}, said="JSON"),
    Bad("compressed", b"\x1f\x8b", 415, headers={"content-encoding": "gzip"}, said="Content-Enc"),
    Bad("key too long", body(), 400, headers={"idempotency-key": "x" * 256}, said="255"),
    Bad("key half quoted", body(), 400, headers={"idempotency-key": '"abc'}, said="string"),
    Bad("key empty", body(), 400, headers={"idempotency-key": ""}, said="Idempotency-Key"),
    Bad("number too long", b'{"kind":"observation","text":' + b"9" * 9_000 + b"}", 400),
    Bad("not a number", b'{"kind":"observation","text":NaN}', 422),
]


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["type"].startswith("urn:frontline:problem:")
    return problem


async def test_every_bad_body_gets_its_problem_and_none_is_stored(
    intake: IntakeProcess, stored: Stored
) -> None:
    for case in CASES:
        headers = {"content-type": "application/json"} | case.headers
        answer = await intake.client.post("/v1/feedback", content=case.body, headers=headers)
        try:
            problem = assert_problem(answer, case.status)
            pointers = [each["pointer"] for each in problem.get("errors", [])]
            assert case.pointer is None or case.pointer in pointers
            assert case.said in answer.text
        except AssertionError as error:
            raise AssertionError(f"{case.name}: {answer.text[:500]}") from error
        assert "x" * 100 not in answer.text, f"{case.name}: an answer repeats what was sent"
    assert await stored() == 0
    assert (await intake.submit()).status_code == 202


async def test_bad_items_of_a_batch_are_refused_alone(
    intake: IntakeProcess, stored: Stored
) -> None:
    single = [case for case in CASES if case.status == 422 and case.body.startswith(b"{")]
    readable = [case for case in single if b"NaN" not in case.body and b"9999" not in case.body]
    items = [json.loads(case.body) for case in readable] + [OBSERVATION]
    answer = await intake.client.post("/v1/feedback/batch", json={"items": items})
    assert answer.status_code == 202
    *refused, accepted = answer.json()["results"]
    assert accepted["status"] == 202
    for index, (case, result) in enumerate(zip(readable, refused, strict=True)):
        assert result["index"] == index
        assert result["status"] == result["problem"]["status"] == 422, case.name
        if case.pointer:
            pointers = [each["pointer"] for each in result["problem"]["errors"]]
            wanted = f"#/items/{index}{case.pointer[1:]}"
            assert wanted in pointers, (case.name, pointers)
    assert await stored() == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"{}", 422),
        (b"[]", 422),
        (b'{"items":[]}', 422),
        (b'{"items":{}}', 422),
        (b'{"items":[' + b",".join([body()] * 501) + b"]}", 422),
        (b'{"items":[' + body() + b'],"more":1}', 422),
        (b'{"items":[' + b"[" * 5_000 + b"]" * 5_000 + b"]}", 400),
        (b'{"items":[{"kind":"observation","text":"\\udfff"}]}', 400),
        (b'{"items":[' + body(), 400),
        (b" " * 16_777_217, 413),
    ],
)
async def test_a_bad_batch_is_refused_whole(
    intake: IntakeProcess, stored: Stored, sent: bytes, status: int
) -> None:
    headers = {"content-type": "application/json"}
    answer = await intake.client.post("/v1/feedback/batch", content=sent, headers=headers)
    assert_problem(answer, status)
    assert await stored() == 0


async def test_odd_items_of_a_batch_are_refused_alone(intake: IntakeProcess) -> None:
    odd = [b"null", b"[]", b"5", b'"x"', b"1e999", b"9" * 4_000, b'{"idempotency_key":""}']
    odd += [b'{"kind":"observation","text":"x","idempotency_key":"' + b"k" * 256 + b'"}']
    sent = b'{"items":[' + b",".join([*odd, body()]) + b"]}"
    answer = await intake.client.post(
        "/v1/feedback/batch", content=sent, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 202, answer.text
    assert [each["status"] for each in answer.json()["results"]] == [422] * len(odd) + [202]


async def test_a_batch_has_no_key_of_its_own(intake: IntakeProcess) -> None:
    answer = await intake.client.post(
        "/v1/feedback/batch", json={"items": [OBSERVATION]}, headers={"idempotency-key": "k"}
    )
    assert "idempotency_key" in assert_problem(answer, 400)["detail"]


async def test_the_same_key_with_another_body_is_refused(
    intake: IntakeProcess, stored: Stored
) -> None:
    assert (await intake.submit(idempotency_key="k")).status_code == 202
    answer = await intake.submit(OBSERVATION | {"text": "Other words."}, idempotency_key='"k"')
    assert "new key" in assert_problem(answer, 422)["detail"]
    assert await stored() == 1


async def test_wrong_and_revoked_keys_are_refused(intake: IntakeProcess) -> None:
    revoked = await intake.pipeline.key("charity", "org-2", "Food Shed")
    await MongoKeyStore(intake.pipeline.database).revoke(
        parse_key(revoked).key_id, datetime.now(UTC)
    )
    for header in (f"Bearer {revoked}", "Bearer wrong", "Basic d3Jvbmc6", "Bearer", ""):
        answer = await intake.submit(authorization=header)
        assert_problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
    async with httpx.AsyncClient(base_url=intake.service.url) as stranger:
        assert_problem(await stranger.post("/v1/feedback", json=OBSERVATION), 401)
        assert_problem(await stranger.get(f"/v1/feedback/{UUID(int=0)}"), 401)


async def test_what_is_not_there_is_a_problem_too(intake: IntakeProcess) -> None:
    assert_problem(await intake.client.get("/v2"), 404)
    assert_problem(await intake.client.get("/v1/feedback/%00"), 404)
    assert_problem(await intake.client.get("/v1/feedback/$ne"), 404)
    for method, path in (("PUT", "/v1/feedback"), ("GET", "/v1/feedback/batch")):
        answer = await intake.client.request(method, path)
        assert_problem(answer, 405)
        assert answer.headers["allow"] == "POST"


async def test_a_body_that_never_comes_is_given_up(intake: IntakeProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", intake.service.port)
    key = intake.client.headers["authorization"]
    head = f"POST /v1/feedback HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n"
    writer.write(f'{head}Content-Length: 100\r\n\r\n{{"kind":'.encode())
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer


async def test_a_body_without_a_length_is_cut_off_at_the_limit(intake: IntakeProcess) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 65_536

    answer = await intake.client.post(
        "/v1/feedback", content=endless(), headers={"content-type": "application/json"}
    )
    assert_problem(answer, 413)
