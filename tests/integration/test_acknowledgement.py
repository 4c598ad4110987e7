"""An offset is committed only when its record is handled."""

import asyncio
from collections.abc import Sequence

from schemas.envelope import FeedbackReceived
from services.runtime.errors import Unavailable
from tests.builders import feedback_id
from tests.delivery import Topic
from tests.waiting import until


async def test_handled_records_are_committed(topic: Topic) -> None:
    await topic.write_feedback(range(50))
    handled: list[str] = []

    async def handle(events: Sequence[FeedbackReceived]) -> None:
        handled.extend(event.subject for event in events)

    async with topic.subscribed(handle):
        await until(lambda: len(handled) >= 50, "50 handled")
        await until(lambda: topic.committed(), "a commit")
    assert await topic.committed() == 50
    assert sorted(handled) == sorted(feedback_id(n) for n in range(50))


async def test_nothing_is_committed_while_a_dependency_is_away_and_polling_goes_on(
    topic: Topic,
) -> None:
    await topic.write_feedback(range(30))
    away, calls = True, 0
    handled: set[str] = set()

    async def handle(events: Sequence[FeedbackReceived]) -> None:
        nonlocal calls
        calls += 1
        if away:
            raise Unavailable("no primary")
        handled.update(event.subject for event in events)

    async with topic.subscribed(handle, max_poll_interval_ms=10_000) as process:
        await until(lambda: calls >= 2, "a second try")
        alive, _ = process.health.liveness()
        ready, reasons = process.health.readiness()
        assert alive
        assert not ready
        assert "no primary" in str(reasons)
        assert await topic.committed() == 0
        assert calls < 20, "it must wait between tries"
        away = False
        await until(lambda: len(handled) == 30, "all handled after the outage")
        await until(lambda: process.health.readiness()[0], "readiness")
    assert await topic.committed() == 30


async def test_a_batch_cut_off_by_shutdown_is_read_again(topic: Topic) -> None:
    await topic.write_feedback(range(10))
    started = asyncio.Event()

    async def hang(events: Sequence[FeedbackReceived]) -> None:
        started.set()
        await asyncio.Event().wait()

    async with topic.subscribed(hang):
        await asyncio.wait_for(started.wait(), 20)
    assert await topic.committed() == 0

    handled: list[str] = []

    async def handle(events: Sequence[FeedbackReceived]) -> None:
        handled.extend(event.subject for event in events)

    async with topic.subscribed(handle):
        await until(lambda: len(handled) >= 10, "the batch again", 40)
    assert sorted(handled) == sorted(feedback_id(n) for n in range(10))
