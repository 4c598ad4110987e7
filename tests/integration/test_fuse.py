"""The fuse stops a consumer before it drains its topic into the dead letters."""

from collections.abc import Sequence

from prometheus_client import generate_latest

from schemas.envelope import FeedbackReceived
from services.runtime.errors import Permanent
from tests.delivery import Topic
from tests.waiting import until


async def test_bad_code_opens_the_fuse_and_the_topic_is_kept(topic: Topic) -> None:
    await topic.write_feedback(range(500))
    broken = True
    handled: set[str] = set()

    async def handle(events: Sequence[FeedbackReceived]) -> None:
        if broken:
            raise Permanent("bad code")
        handled.update(event.subject for event in events)

    async with topic.subscribed(handle) as process:
        await until(
            lambda: (
                "fuse" in str(process.health.readiness()[1])
                or "dead letters" in str(process.health.readiness()[1])
            ),
            "a red readiness",
        )
        assert process.health.liveness()[0], "an open fuse is no reason to be restarted"
        assert b"frontline_fuse_open{" in generate_latest(process.metrics.registry)
        assert await topic.committed() == 0
    broken = False
    async with topic.subscribed(handle):
        await until(lambda: len(handled) == 500, "every record once the code is mended")
