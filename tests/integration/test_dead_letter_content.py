"""A dead letter is the whole record, with where it came from and why it was given up."""

from collections.abc import Sequence
from datetime import datetime

from schemas.codec import encode
from schemas.envelope import FeedbackReceived
from services.runtime.deadletter import dead_letter_id
from tests.builders import feedback_id, received
from tests.delivery import Topic


async def test_dead_letter_carries_the_record_and_its_story(topic: Topic) -> None:
    words = "words that a person said in confidence"
    value = encode(received(1, text=words))
    headers = [("h", b"\xff"), ("h", b"twice"), ("frontline-dead-id", b"from an earlier life")]
    await topic.write([(feedback_id(1).encode(), value, headers)])

    async def handle(events: Sequence[FeedbackReceived]) -> None:
        raise ValueError(words)

    async with topic.subscribed(handle, retry_attempts=3):
        [dead] = await topic.dead_letters(1)
    assert dead.value == value
    assert dead.key == feedback_id(1).encode()
    assert list(dead.headers[:2]) == [("h", b"\xff"), ("h", b"twice")]
    story = {name: raw.decode() for name, raw in dead.headers[2:]}
    prefix = "frontline-dead-"
    origin = (story[prefix + "topic"], story[prefix + "partition"], story[prefix + "offset"])
    assert origin == (topic.name, str(dead.partition), "0")
    assert story[prefix + "id"] == dead_letter_id(topic.name, dead.partition, 0, topic.group)
    assert story[prefix + "group"] == topic.group
    assert story[prefix + "error"] == "Transient"
    assert story[prefix + "attempts"] == "3"
    assert story[prefix + "service"] == "reader"
    assert story[prefix + "version"] == "test"
    first, last = (datetime.fromisoformat(story[prefix + at]) for at in ("first-at", "last-at"))
    assert first <= last
    assert words not in str(story), "a person's words stay in the record itself"
