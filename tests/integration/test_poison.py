"""A poison record ends in the dead letters and costs its neighbours nothing."""

from collections.abc import Sequence

from schemas.codec import encode
from schemas.envelope import FeedbackReceived
from services.runtime.errors import Permanent, Transient
from tests.builders import feedback_id, received
from tests.delivery import Topic
from tests.waiting import until

BAD = [
    b"",
    b"not json",
    b"\x00\xff\xfe",
    b"[]",
    b'{"specversion":"1.0"}',
    b"[" * 5_000,
    encode(received(0)).replace(b"received.v1", b"received.v9"),
]


async def test_every_kind_of_malformed_bytes_is_given_up_and_every_good_record_handled(
    topic: Topic,
) -> None:
    good = [(feedback_id(n).encode(), encode(received(n)), ()) for n in range(200)]
    bad = [(b"bad", value, ()) for value in (None, *BAD)]
    mixed = [*good[:70], *bad[:3], *good[70:], *bad[3:]]
    await topic.write(mixed)
    handled: set[str] = set()

    async def handle(events: Sequence[FeedbackReceived]) -> None:
        handled.update(event.subject for event in events)

    async with topic.subscribed(handle):
        dead = await topic.dead_letters(len(bad))
        await until(lambda: len(handled) == 200, "all good records")
    assert sorted(each.value or b"" for each in dead) == sorted(value or b"" for _, value, _ in bad)
    assert await topic.committed() == len(mixed)


async def test_a_header_that_is_not_utf8_or_asks_for_a_reply_harms_nothing(topic: Topic) -> None:
    headers = [("trace", b"\xff\xfe\x00"), ("reply_to", topic.name.encode()), ("none", b"")]
    await topic.write([(feedback_id(n).encode(), encode(received(n)), headers) for n in range(20)])
    handled: list[str] = []

    async def handle(events: Sequence[FeedbackReceived]) -> None:
        handled.extend(event.subject for event in events)

    async with topic.subscribed(handle):
        await until(lambda: len(handled) >= 20, "all records")
        await until(lambda: topic.committed(), "a commit")
    assert sorted(handled) == sorted(feedback_id(n) for n in range(20)), "no reply was published"


async def test_a_record_that_the_handler_refuses_is_given_up_alone(topic: Topic) -> None:
    await topic.write_feedback(range(100))
    refused, unlucky = feedback_id(17), feedback_id(18)
    handled: set[str] = set()

    async def handle(events: Sequence[FeedbackReceived]) -> None:
        for event in events:
            if event.subject == refused:
                raise Permanent("never")
            if event.subject == unlucky:
                raise Transient("not yet")
        handled.update(event.subject for event in events)

    async with topic.subscribed(handle):
        dead = await topic.dead_letters(2)
        await until(lambda: len(handled) == 98, "the other 98")
    assert {each.key.decode() for each in dead} == {refused, unlucky}
