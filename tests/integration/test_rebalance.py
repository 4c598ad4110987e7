"""A consumer that joins or leaves loses nothing."""

from collections import Counter
from collections.abc import Sequence

from schemas.envelope import FeedbackReceived
from tests.builders import feedback_id
from tests.delivery import Handle, Topic
from tests.waiting import until


async def test_nothing_is_lost_while_consumers_come_and_go(topic: Topic) -> None:
    seen: Counter[str] = Counter()
    shares: Counter[str] = Counter()

    def reader(name: str) -> Handle:
        async def handle(events: Sequence[FeedbackReceived]) -> None:
            seen.update(event.subject for event in events)
            shares[name] += len(events)

        return handle

    async with topic.subscribed(reader("first"), max_records=50):
        await topic.write_feedback(range(1_000))
        await until(lambda: len(seen) >= 200, "the first reader at work")
        async with topic.subscribed(reader("second"), max_records=50):
            written = 1_000

            async def both_work() -> bool:
                nonlocal written
                await topic.write_feedback(range(written, written + 100))
                written += 100
                return shares["second"] > 0

            await until(both_work, "the second reader at work", 40)
        await topic.write_feedback(range(written, written + 500))
        total = written + 500
        await until(lambda: len(seen) >= total, "every record", 60)
    assert set(seen) == {feedback_id(n) for n in range(total)}
    assert await topic.committed() == total
