"""A redriven record is for the group that gave it up, and keeps its dead letter's id."""

from collections.abc import Sequence

from schemas.codec import encode
from schemas.envelope import FeedbackReceived
from services.runtime.consume import Settled
from services.runtime.deadletter import dead_letter_id
from services.runtime.errors import Permanent
from services.runtime.redrive import Redriven
from tests.builders import feedback_id, received
from tests.delivery import Topic
from tests.waiting import until


async def write(topic: Topic, number: int, group: str) -> str:
    """Writes a feedback as one that stood at partition 3, offset 77 before; returns its letter."""
    letter = dead_letter_id(topic.name, 3, 77, group)
    redriven = Redriven(letter, group, topic.name, 3, 77, 2, "mend")
    key, value = feedback_id(number).encode(), encode(received(number))
    await topic.write([(key, value, redriven.headers())])
    return letter


async def test_other_groups_skip_it(topic: Topic) -> None:
    handled: list[str] = []
    settled: list[Settled[FeedbackReceived]] = []

    async def handle(events: Sequence[FeedbackReceived]) -> None:
        handled.extend(event.subject for event in events)

    await write(topic, 1, "another-group")
    await write(topic, 2, topic.group)
    async with topic.subscribed(handle, observe=settled.extend) as process:
        await until(lambda: len(settled) == 2, "both records")
        assert handled == [feedback_id(2)]
        assert process.tallies[0].counts["skipped"] == 1
    assert {each.outcome for each in settled} == {"handled", "skipped"}


async def test_one_that_dies_again_keeps_its_id_and_first_place(topic: Topic) -> None:
    async def handle(events: Sequence[FeedbackReceived]) -> None:
        raise Permanent("still wrong")

    letter = await write(topic, 1, topic.group)
    async with topic.subscribed(handle):
        [dead] = await topic.dead_letters(1)
    headers = {name: value.decode() for name, value in dead.headers}
    assert headers["frontline-dead-id"] == letter
    assert headers["frontline-dead-topic"] == topic.name
    assert (headers["frontline-dead-partition"], headers["frontline-dead-offset"]) == ("3", "77")
    assert headers["frontline-dead-redrives"] == "2"
    assert not [name for name in headers if name.startswith("frontline-redrive-")]
    assert dead.value == encode(received(1))


async def test_headers_that_are_not_ours_change_nothing(topic: Topic) -> None:
    handled: list[str] = []

    async def handle(events: Sequence[FeedbackReceived]) -> None:
        handled.extend(event.subject for event in events)

    key, value = feedback_id(1).encode(), encode(received(1))
    await topic.write([(key, value, [("frontline-redrive-group", b"\xff")])])
    await topic.write([(key, value, [("frontline-redrive-group", b"another")])])
    async with topic.subscribed(handle):
        await until(lambda: len(handled) == 2, "both records")
