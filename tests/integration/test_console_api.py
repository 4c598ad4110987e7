"""The operators' HTTP API, as a process on a real Kafka and MongoDB."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.console.api.operators import PUBLIC
from tests.pipeline import Pipeline
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

REASON = {"reason": "a test"}


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


async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    described: dict[str, Any] = (await client.get("/openapi.json")).json()
    return described


def assert_problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    detail: str = problem["detail"]
    return detail


async def test_every_route_is_closed_to_all_but_operators(
    pipeline: Pipeline, client: httpx.AsyncClient
) -> None:
    others = {
        401: ["", "Bearer", "Bearer fl_o_x", "Basic Zm9v"],
        403: [
            f"Bearer {pipeline.charity_key}",
            f"Bearer {await pipeline.key('department', 'DHSC')}",
        ],
    }
    paths = (await document(client))["paths"]
    assert len(paths) > 20
    routes = [
        (method, path.replace("{", "").replace("}", ""))
        for path, methods in paths.items()
        for method in methods
    ]
    assert not {path for _, path in routes} & PUBLIC
    async with httpx.AsyncClient(base_url=pipeline.services["console"].url) as stranger:
        for method, path in [*routes, ("get", "/v1/nowhere"), ("put", "/v1/keys"), ("get", "/")]:
            for status, headers in others.items():
                for header in headers:
                    answer = await stranger.request(
                        method, path, headers={"authorization": header}, content=b"not JSON"
                    )
                    assert_problem(answer, status)
            assert_problem(await stranger.request(method, path), 401)


async def test_stages_are_paused_and_resumed(pipeline: Pipeline, client: httpx.AsyncClient) -> None:
    paused = (await client.post("/v1/stages/router/pause", json=REASON)).json()
    assert paused["paused"]["by"] == "on-call"
    rows = {row["stage"]: row for row in (await client.get("/v1/stages")).json()}
    assert rows["router"]["paused"]["reason"] == "a test"
    assert (await client.post("/v1/stages/router/resume", json=REASON)).json()["changed"] is True
    assert (await client.post("/v1/stages/router/resume", json=REASON)).json()["changed"] is False
    answer = await client.post("/v1/stages/router/fuse/reset", json=REASON)
    assert answer.json()["changed"] is False
    assert "router" in assert_problem(await client.post("/v1/stages/x/pause", json=REASON), 404)


async def test_keys_are_made_rotated_and_revoked(
    pipeline: Pipeline, client: httpx.AsyncClient
) -> None:
    order = {"role": "operator", "subject": "second", **REASON}
    made = await client.post("/v1/keys", json=order)
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    async with pipeline.http("console", made.json()["key"]) as second:
        listed = (await second.get("/v1/keys", params={"subject": "second"})).json()
        assert [row["state"] for row in listed] == ["live"]
    key_id = made.json()["row"]["key_id"]
    rotated = await client.post(f"/v1/keys/{key_id}/rotate", json={"overlap_seconds": 60, **REASON})
    assert rotated.status_code == 201
    revoked = await client.post(f"/v1/keys/{key_id}/revoke", json=REASON)
    assert revoked.json()["state"] == "revoked"
    assert_problem(await client.post(f"/v1/keys/{key_id}/rotate", json=REASON), 409)
    assert_problem(await client.post("/v1/keys", json=order | {"reads_text": True}), 403)
    department = {"role": "department", "subject": "DHSC", **REASON}
    assert_problem(await client.post("/v1/keys", json=department), 403)
    assert_problem(await client.post("/v1/keys/00000000/revoke", json=REASON), 404)
    live = [row for row in (await client.get("/v1/keys")).json() if row["state"] == "live"]
    for row in live:
        if row["role"] == "operator" and row["subject"] != "on-call":
            assert (await client.post(f"/v1/keys/{row['key_id']}/revoke", json=REASON)).is_success
    [last] = [row["key_id"] for row in live if row["subject"] == "on-call"]
    said = assert_problem(await client.post(f"/v1/keys/{last}/revoke", json=REASON), 409)
    assert "last operator's key" in said
    assert (await client.get("/v1/organisations")).json()[0]["subject"] == "advice-shed"
    codes = {row["code"] for row in (await client.get("/v1/departments")).json()}
    assert "HUB" in codes


async def test_changes_are_in_the_audit_and_its_chain_holds(client: httpx.AsyncClient) -> None:
    await client.post("/v1/stages/streams/pause", json={"reason": "audited"})
    entries = (await client.get("/v1/audit", params={"subject": "streams", "limit": 1})).json()
    assert [(each["action"], each["by"], each["reason"]) for each in entries] == [
        ("stage.pause", "on-call", "audited")
    ]
    check = (await client.get("/v1/audit/check")).json()
    assert check["broken"] == []
    head = check["head"]
    noted = {"head": f"{head['seq']}:{head['digest']}"}
    assert (await client.get("/v1/audit/check", params=noted)).json()["broken"] == []
    assert_problem(await client.get("/v1/audit/check", params={"head": "x"}), 422)


async def test_the_status_is_answered(client: httpx.AsyncClient) -> None:
    status = (await client.get("/v1/status")).json()
    assert status["kafka"]["problem"] is None
    assert status["mongo"]["problem"] is None
    assert [stage["name"] for stage in status["stages"]][:2] == ["classifier", "router"]


async def test_an_item_that_nobody_knows_is_said(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/v1/items/Q3NYCFNS/trace"), 404)
    assert_problem(await client.get("/v1/items/what/trace"), 422)
    assert_problem(await client.post("/v1/items/Q3NYCFNS/text", json=REASON), 403)


async def test_a_verification_is_streamed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/verification", params={"since": "1h"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert set(lines[-1]) == {"verification"}
    assert not [line for line in lines if "fault" in line]
    started = client.stream("GET", "/v1/verification", params={"since": "1h"})
    async with started as first:
        second = await client.get("/v1/verification")
        assert second.status_code in (200, 409)  # whichever was faster
        assert [line async for line in first.aiter_lines()][-1].startswith('{"verification"')
    wrongs = ({"since": "9000d"}, {"since": "soon"}, {"until": "x"}, {"settle": "-1"})
    for wrong in (*wrongs, {"leases": "soon"}):
        assert_problem(await client.get("/v1/verification", params=wrong), 422)


async def test_a_client_of_a_verification_may_go_away_at_any_time(
    client: httpx.AsyncClient,
) -> None:
    for hundredths in range(8):
        with suppress(httpx.TimeoutException):
            await client.get("/v1/verification", timeout=0.01 * hundredths + 0.001)

    async def answered() -> bool:
        return (await client.get("/v1/verification", params={"since": "1h"})).status_code == 200

    await until(answered, "the verification of whoever stays")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", 400),
        (b"not JSON", 400),
        (b'{"reason":"\\ud800"}', 400),
        (b"[" * 5_000, 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"reason":""}', 422),
        (b'{"reason":" \\n "}', 422),
        (b'{"reason":7}', 422),
        (b'{"reason":"a\\u0000b"}', 422),
        (b'{"reason":"r","$where":1}', 422),
        (b'{"reason":"' + b"x" * 501 + b'"}', 422),
        (b" " * 70_000, 413),
    ],
)
async def test_a_bad_body_changes_nothing(
    client: httpx.AsyncClient, sent: bytes, status: int
) -> None:
    before = (await client.get("/v1/audit", params={"limit": 1})).json()
    headers = {"content-type": "application/json"}
    for path in ("/v1/stages/router/pause", "/v1/keys", "/v1/keys/00000000/revoke"):
        assert_problem(await client.post(path, content=sent, headers=headers), status)
    answer = await client.post("/v1/keys", content=sent, headers={"content-type": "text/plain"})
    assert_problem(answer, 415)
    assert (await client.get("/v1/audit", params={"limit": 1})).json() == before


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": 0},
        {"limit": "many"},
        {"before": 10**30},
        {"before": -1},
        {"by": "x" * 201},
    ],
)
async def test_a_bad_parameter_is_named(
    client: httpx.AsyncClient, parameters: dict[str, Any]
) -> None:
    answer = await client.get("/v1/audit", params=parameters)
    assert_problem(answer, 422)
    assert next(iter(parameters)) in answer.json()["errors"][0]["pointer"]


async def test_what_is_not_there_is_a_problem(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/v1/nowhere"), 404)
    answer = await client.put("/v1/keys")
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "GET, POST"


async def test_no_input_finds_a_fault_of_ours(
    pipeline: Pipeline, client: httpx.AsyncClient
) -> None:
    """Schemathesis reads the description and sends what it allows and what it does not."""
    command = [sys.executable, "-m", "schemathesis.cli", "run"]
    url = f"{pipeline.services['console'].url}/openapi.json"
    key = f"Authorization: {client.headers['authorization']}"
    limits = ["--max-examples", "15", "--seed", "5", "--phases", "examples,coverage,fuzzing"]
    ended = await asyncio.to_thread(
        subprocess.run,
        # that a charity's key needs a name, and a reason printable text, no schema says
        [*command, url, "--header", key, *limits, "--exclude-checks", "positive_data_acceptance"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-8_000:] + ended.stderr[-2_000:]
