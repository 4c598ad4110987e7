"""Within a topic a key is handled in order."""

from collections import defaultdict
from collections.abc import Sequence

from schemas.codec import encode
from schemas.envelope import FeedbackReceived
from services.runtime.errors import Transient
from tests.builders import feedback_id, received
from tests.delivery import Topic
from tests.waiting import until


async def test_revisions_of_a_key_are_handled_in_order_in_spite_of_retries(topic: Topic) -> None:
    keys, revisions = 20, 10
    records = [
        (
            feedback_id(key).encode(),
            encode(received(key).model_copy(update={"revision": revision})),
            (),
        )
        for revision in range(1, revisions + 1)
        for key in range(keys)
    ]
    await topic.write(records)
    seen: dict[str, list[int]] = defaultdict(list)
    failed: set[tuple[str, int]] = set()

    async def handle(events: Sequence[FeedbackReceived]) -> None:
        for event in events:
            once = (event.subject, event.revision)
            if event.revision % 4 == 0 and once not in failed and len(events) == 1:
                failed.add(once)
                raise Transient("not now")
            if event.revision % 4 == 0 and once not in failed:
                raise Transient("not in company")
        for event in events:
            seen[event.subject].append(event.revision)

    async with topic.subscribed(handle, retry_attempts=5, retry_budget_seconds=20):
        await until(lambda: sum(map(len, seen.values())) >= keys * revisions, "every revision", 60)
    assert len(failed) > keys
    for key, order in seen.items():
        assert order == list(range(1, revisions + 1)), key
