"""Shutdown finishes the batch in hand and leaves the rest for the next process."""

import asyncio
from collections.abc import Sequence
from time import monotonic

from schemas.envelope import FeedbackReceived
from tests.builders import feedback_id
from tests.delivery import Topic
from tests.waiting import until


async def test_the_open_batch_is_finished_and_committed(topic: Topic) -> None:
    await topic.write_feedback(range(400))
    handled: list[str] = []
    started = asyncio.Event()

    async def handle(events: Sequence[FeedbackReceived]) -> None:
        started.set()
        await asyncio.sleep(0.5)
        handled.extend(event.subject for event in events)

    async with topic.subscribed(handle):
        await asyncio.wait_for(started.wait(), 20)
        asked = monotonic()
    assert monotonic() - asked < 5
    assert handled, "the batch in hand was cut off"
    assert await topic.committed() == len(handled)

    async def handle_rest(events: Sequence[FeedbackReceived]) -> None:
        handled.extend(event.subject for event in events)

    async with topic.subscribed(handle_rest):
        await until(lambda: len(handled) >= 400, "the rest")
    assert sorted(handled) == sorted(feedback_id(n) for n in range(400)), "none twice, none lost"
