"""An open stream lasts no longer than its key is good; a database that is away ends none."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any, cast

import pytest
from starlette.requests import Request

from schemas.departments import load_departments
from schemas.policy_areas import load_policy_areas
from services.accounts.authentication import Credential
from services.departments.access import Access
from services.departments.settings import DepartmentsSettings
from services.departments.streams import StreamRoutes
from services.departments.tail import Tail
from services.runtime.errors import Unavailable
from services.runtime.health import Health
from services.runtime.metrics import Metrics
from services.runtime.problem import Problem
from tests.unit.test_streams_response import Client
from tests.unit.test_streams_tail import MemoryLog, entry
from tests.waiting import until

REVOKED = Problem(401, "Key needed", "The key is revoked.")
MOVED = Problem(403, "Not a department's key", "The key is another's.")


class Keys:
    """An authenticator that knows one key, and can refuse it or be away."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.error: Exception | None = None

    async def authenticate(self, header: str | None) -> Credential:
        self.asked.append(header)
        if self.error is not None:
            raise self.error
        return Credential("department", "DWP", "", "key")


class Streaming:
    """The log, and what it takes to serve a stream of it to one client."""

    def __init__(self, log: MemoryLog, tail: Tail) -> None:
        self.log, self.tail = log, tail
        self.keys, self.client = Keys(), Client(takes=100_000)

    async def serve(self, heartbeat_seconds: float) -> None:
        routes = StreamRoutes(
            Access(cast(Any, self.keys), load_departments(), lambda: date(2026, 11, 2)),
            self.log,
            self.tail,
            load_policy_areas(),
            DepartmentsSettings(stream_heartbeat_seconds=heartbeat_seconds),
            asyncio.Event(),
            Metrics(),
        )
        scope = {"type": "http", "query_string": b"", "headers": [(b"authorization", b"Bearer k")]}
        response = await routes.stream(Request(scope))
        await response(scope, self.client.receive, self.client.send)


@pytest.fixture
async def stream() -> AsyncIterator[Streaming]:
    log = MemoryLog()
    async with Tail(log, 0.01, 1_000, Health()) as tail:
        yield Streaming(log, tail)


@pytest.mark.parametrize("refusal", [REVOKED, MOVED], ids=["revoked", "moved"])
async def test_a_quiet_stream_ends_when_its_key_is_refused(
    stream: Streaming, refusal: Problem
) -> None:
    serving = asyncio.create_task(stream.serve(heartbeat_seconds=0.02))
    await until(lambda: len(stream.keys.asked) > 2, "the key to be looked at again", 5)
    assert set(stream.keys.asked) == {"Bearer k"}
    stream.keys.error = refusal
    await asyncio.wait_for(serving, 5)
    assert stream.client.messages[-1]["more_body"] is False
    assert stream.tail.listeners == 0


async def test_a_busy_stream_ends_too_and_asks_once_per_heartbeat(stream: Streaming) -> None:
    serving = asyncio.create_task(stream.serve(heartbeat_seconds=0.5))
    events = 0

    async def ended() -> bool:
        nonlocal events
        await stream.log.append([entry(events)])
        stream.tail.nudge()
        events += 1
        if len(stream.keys.asked) == 3:
            stream.keys.error = REVOKED
        return serving.done()

    await until(ended, "the stream to end", 5)
    assert len(stream.keys.asked) == 4
    assert stream.client.body.count(b"data: ") > 8


async def test_a_stream_lasts_while_the_database_is_away(stream: Streaming) -> None:
    serving = asyncio.create_task(stream.serve(heartbeat_seconds=0.02))
    await until(lambda: stream.client.body, "the stream to open", 5)
    stream.keys.error = Unavailable("MongoDB: away")
    await until(lambda: len(stream.keys.asked) > 3, "the key to be looked at again", 5)
    await stream.log.append([entry(0)])
    await until(lambda: b'{"n":0}' in stream.client.body, "the event", 5)
    assert not serving.done()
    stream.client.left.set()
    await asyncio.wait_for(serving, 5)
