"""Operators pause a stage and reset its fuse; both stay over restarts, and nothing is lost."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from schemas.envelope import FeedbackReceived
from services.runtime.controls import Control, Mark
from services.runtime.errors import Permanent, Unavailable
from services.runtime.health import Health
from services.stages.control_store import MongoControls
from tests.delivery import Topic
from tests.routing import Road
from tests.waiting import until


@pytest.fixture
def controls(road: Road) -> MongoControls:
    return MongoControls(road.database)


def mark(reason: str) -> Mark:
    return Mark(reason, "on-call", datetime.now(UTC))


def reasons(health: Health) -> str:
    return "; ".join(health.readiness()[1].values())


class Handler:
    """Keeps what it handled, once each; fails while it is broken."""

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.broken = False

    async def handle(self, events: Sequence[FeedbackReceived]) -> None:
        if self.broken:
            raise Permanent("bad code")
        self.handled += [event.subject for event in events]


async def test_a_paused_stage_reads_nothing_until_it_is_resumed(
    topic: Topic, controls: MongoControls
) -> None:
    handler = Handler()
    async with topic.subscribed(handler.handle, controls=controls) as process:
        await topic.write_feedback(range(50))
        await until(lambda: len(handler.handled) == 50, "what came before the pause")
        await controls.pause(topic.group, mark("a new rule is wrong"))
        await until(lambda: process.health.held(), "the pause to be seen")
        assert "paused by on-call: a new rule is wrong" in reasons(process.health)
        await topic.write_feedback(range(50, 100))
        await asyncio.sleep(1.5)
        assert len(handler.handled) == 50
        assert process.health.liveness()[0]
    async with topic.subscribed(handler.handle, controls=controls) as process:
        await until(lambda: process.health.held(), "the pause to be seen after a restart")
        await asyncio.sleep(1.0)
        assert len(handler.handled) == 50
        assert await controls.resume(topic.group)
        await until(lambda: len(handler.handled) == 100, "what came during the pause")
        await until(lambda: process.health.readiness()[0], "to be ready again")
    assert len(set(handler.handled)) == 100
    assert not await controls.resume(topic.group), "it was not paused any more"


async def test_an_open_fuse_stays_open_over_restarts_until_it_is_reset(
    topic: Topic, controls: MongoControls
) -> None:
    handler = Handler()
    handler.broken = True
    await topic.write_feedback(range(500))
    async with topic.subscribed(handler.handle, controls=controls):

        async def kept() -> bool:
            return (await controls.read(topic.group)).fuse is not None

        await until(kept, "the fuse to be kept")
    handler.broken = False
    async with topic.subscribed(handler.handle, controls=controls) as process:
        await until(lambda: process.health.held(), "the fuse to be seen after a restart")
        await asyncio.sleep(1.0)
        assert not handler.handled
        assert await topic.committed() == 0
        assert await controls.reset_fuse(topic.group)
        await until(lambda: len(handler.handled) == 500, "every record once the fuse is reset")
    assert len(set(handler.handled)) == 500


async def test_a_fuse_that_is_reset_in_a_running_process_lets_it_read_on(
    topic: Topic, controls: MongoControls
) -> None:
    handler = Handler()
    handler.broken = True
    await topic.write_feedback(range(100))
    async with topic.subscribed(handler.handle, controls=controls) as process:
        await until(lambda: process.health.held(), "the fuse to open")

        async def reset() -> bool:
            return await controls.reset_fuse(topic.group)

        handler.broken = False
        await until(reset, "the fuse to be kept and reset")
        await until(lambda: len(set(handler.handled)) == 100, "every record")


class Away:
    """Controls that do not answer while `away`."""

    def __init__(self) -> None:
        self.away = True

    async def read(self, group: str) -> Control:
        if self.away:
            raise Unavailable("MongoDB: no primary")
        return Control(group)

    async def open_fuse(self, group: str, reason: str, by: str) -> None:
        raise Unavailable("MongoDB: no primary")


async def test_nothing_is_read_before_the_controls_were_and_then_they_may_go_away(
    topic: Topic,
) -> None:
    handler, controls = Handler(), Away()
    await topic.write_feedback(range(10))
    async with topic.subscribed(handler.handle, controls=controls) as process:
        await until(lambda: "waits to read" in reasons(process.health), "the reason")
        await asyncio.sleep(1.5)
        assert not handler.handled
        controls.away = False
        await until(lambda: len(handler.handled) == 10, "the records")
        controls.away = True
        await asyncio.sleep(1.5)
        await topic.write_feedback(range(10, 20))
        await until(lambda: len(handler.handled) == 20, "records without controls")
