"""The table of the consume contract, row by row, without a broker."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from schemas.codec import decode
from schemas.envelope import FeedbackReceived
from services.runtime.attempts import RetryLimits
from services.runtime.consume import Contract, FuseOpen, Settled, Subscription
from services.runtime.errors import Permanent, Transient, Unavailable
from services.runtime.fuse import Fuse, FuseLimits
from services.runtime.kafka import Record
from services.runtime.metrics import Metrics
from tests.builders import feedback_id, received_record, record


class RecordingProducer:
    """Keeps what is published, or fails as told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.records: list[Record] = []

    async def publish(self, records: Sequence[Record]) -> None:
        if self.error:
            raise self.error
        self.records.extend(records)


class Handler:
    """Handles events; fails for the ids it is told of, a number of times or for ever."""

    def __init__(self, failing: dict[str, Exception] | None = None, times: int = 10**9) -> None:
        self.failing = failing or {}
        self.times = times
        self.handled: list[str] = []
        self.calls = 0

    async def handle(self, events: Sequence[FeedbackReceived]) -> None:
        self.calls += 1
        for event in events:
            if event.subject in self.failing and self.times > 0:
                if len(events) == 1:
                    self.times -= 1
                raise self.failing[event.subject]
        self.handled += [event.subject for event in events]


def contract(
    handler: Handler,
    producer: RecordingProducer,
    limits: FuseLimits | None = None,
    retries: RetryLimits | None = None,
    observe: Callable[[Sequence[Settled[FeedbackReceived]]], None] | None = None,
) -> Contract[FeedbackReceived]:
    subscription = Subscription(
        "feedback.received",
        "classifier",
        partial(decode, model=FeedbackReceived),
        handler.handle,
        observe=observe,
    )
    return Contract(
        subscription,
        producer,  # type: ignore[arg-type]
        Fuse(limits or FuseLimits()),
        retries or RetryLimits(attempts=3, budget_seconds=5, first_pause_seconds=0.001),
        Metrics(),
        service="classifier",
        version="1",
    )


def headers(dead: Record) -> dict[str, str]:
    return {name.removeprefix("frontline-dead-"): value.decode() for name, value in dead.headers}


async def test_sound_records_are_handled_in_one_call_and_in_order() -> None:
    handler, producer = Handler(), RecordingProducer()
    await contract(handler, producer).settle([received_record(n) for n in range(5)])
    assert handler.handled == [feedback_id(n) for n in range(5)]
    assert handler.calls == 1
    assert producer.records == []


async def test_malformed_record_goes_whole_to_dead_letters_and_others_are_handled() -> None:
    handler, producer = Handler(), RecordingProducer()
    bad = record(b'{"text":"secret words"}', offset=7, key=b"k", headers=(("h", b"\xff\xfe"),))
    await contract(handler, producer).settle([received_record(1), bad, received_record(2)])
    assert handler.handled == [feedback_id(1), feedback_id(2)]
    [dead] = producer.records
    assert (dead.topic, dead.key, dead.value) == ("feedback.received.dead", b"k", bad.value)
    assert ("h", b"\xff\xfe") in dead.headers
    story = headers(Record("", None, None, dead.headers[1:]))
    assert story["error"] == "Malformed"
    assert (story["topic"], story["partition"], story["offset"]) == ("feedback.received", "0", "7")
    assert "secret" not in story["reason"]


async def test_record_without_value_is_malformed() -> None:
    producer = RecordingProducer()
    await contract(Handler(), producer).settle([record(None)])
    assert [dead.value for dead in producer.records] == [None]


async def test_permanent_failure_is_not_retried_and_costs_no_neighbour() -> None:
    handler = Handler({feedback_id(3): Permanent("too odd")})
    producer = RecordingProducer()
    await contract(handler, producer).settle([received_record(n) for n in range(8)])
    assert sorted(handler.handled) == sorted(feedback_id(n) for n in range(8) if n != 3)
    assert [headers(dead)["attempts"] for dead in producer.records] == ["1"]


async def test_transient_failure_is_retried_until_it_succeeds() -> None:
    handler = Handler({feedback_id(2): Transient("later")}, times=2)
    producer = RecordingProducer()
    await contract(handler, producer).settle([received_record(n) for n in range(4)])
    assert sorted(handler.handled) == sorted(feedback_id(n) for n in range(4))
    assert producer.records == []


@pytest.mark.parametrize("error", [Transient("no"), KeyError("a person's words")])
async def test_retries_used_up_end_in_a_dead_letter_that_counts_them(error: Exception) -> None:
    handler = Handler({feedback_id(0): error})
    producer = RecordingProducer()
    await contract(handler, producer).settle([received_record(0)])
    [dead] = producer.records
    assert headers(dead)["attempts"] == "3"
    assert "words" not in headers(dead)["reason"]


async def test_a_key_stays_in_order_while_its_first_record_is_retried() -> None:
    handler = Handler({feedback_id(1): Transient("later")}, times=1)
    records = [received_record(1, 0), received_record(2, 1)]
    later = received_record(3, 2)
    same_key = record(later.value, offset=2, key=feedback_id(1).encode())
    await contract(handler, RecordingProducer()).settle([*records, same_key])
    order = [handler.handled.index(feedback_id(n)) for n in (1, 3)]
    assert order == sorted(order)
    assert len(handler.handled) == 3


async def test_a_record_handled_before_its_key_fails_is_not_handled_again() -> None:
    handler = Handler({feedback_id(9): Transient("later")}, times=2)
    first_half = [(9, b"a"), (4, b"c"), (5, b"c"), (7, b"d")]
    rows = [*first_half, (6, b"a"), (1, b"b"), (2, b"b"), (9, b"b"), (3, b"b")]
    records = [
        record(received_record(number).value, offset=offset, key=key)
        for offset, (number, key) in enumerate(rows)
    ]
    await contract(handler, RecordingProducer()).settle(records)
    assert [handler.handled.count(feedback_id(number)) for number in (1, 2, 3)] == [1, 1, 1]
    assert handler.handled.index(feedback_id(2)) < handler.handled.index(feedback_id(3))


async def test_a_key_goes_on_after_its_dead_letter() -> None:
    handler = Handler({feedback_id(1): Transient("never")})
    follower = record(received_record(2).value, offset=2, key=feedback_id(1).encode())
    producer = RecordingProducer()
    await contract(handler, producer).settle([received_record(1, 0), follower])
    assert handler.handled == [feedback_id(2)]
    assert len(producer.records) == 1


@pytest.mark.parametrize("error", [Unavailable("no primary"), TimeoutError(), ConnectionError()])
async def test_an_outage_is_never_a_reason_to_dead_letter(error: Exception) -> None:
    producer = RecordingProducer()
    with pytest.raises(Unavailable):
        await contract(Handler({feedback_id(0): error}), producer).settle([received_record(0)])
    assert producer.records == []


async def test_an_unconfirmed_dead_letter_keeps_its_batch() -> None:
    producer = RecordingProducer(Unavailable("Kafka: TimeoutError"))
    with pytest.raises(Unavailable):
        await contract(Handler(), producer).settle([record(b"not json")])


async def test_fuse_opens_before_a_topic_drains_into_dead_letters() -> None:
    producer = RecordingProducer()
    settle = contract(Handler(), producer, FuseLimits(dead=3, share=0.5, window=10)).settle
    await settle([record(b"bad", offset=0), received_record(1)])
    with pytest.raises(FuseOpen):
        await settle([record(b"bad", offset=n) for n in range(2, 6)])
    assert len(producer.records) == 1, "the batch that opens the fuse is not given up"
    with pytest.raises(FuseOpen):
        await settle([received_record(9)])


async def test_a_batch_read_again_for_its_unconfirmed_dead_letter_counts_once() -> None:
    producer = RecordingProducer(Unavailable("Kafka: TimeoutError"))
    settle = contract(Handler(), producer, FuseLimits(dead=3, share=0.1, window=100)).settle
    batch = [record(b"bad", offset=0), *[received_record(n) for n in range(1, 5)]]
    for _ in range(20):
        with pytest.raises(Unavailable) as raised:
            await settle(batch)
        assert not isinstance(raised.value, FuseOpen)
    producer.error = None
    await settle(batch)
    assert len(producer.records) == 1


async def test_few_dead_letters_among_many_good_records_leave_the_fuse_closed() -> None:
    producer = RecordingProducer()
    settle = contract(Handler(), producer, FuseLimits(dead=5, share=0.2, window=50)).settle
    for start in range(0, 500, 50):
        good = [received_record(n) for n in range(start, start + 49)]
        await settle([*good, record(b"bad", offset=start + 49)])
    assert len(producer.records) == 10


async def test_retries_stop_when_the_budget_of_the_batch_is_spent() -> None:
    handler = Handler({feedback_id(n): Transient("never") for n in range(20)})
    producer = RecordingProducer()
    retries = RetryLimits(attempts=1_000, budget_seconds=0.2, first_pause_seconds=0.05)
    limits = FuseLimits(dead=1_000)
    async with asyncio.timeout(5):
        await contract(handler, producer, limits, retries).settle(
            [received_record(n) for n in range(20)]
        )
    assert len(producer.records) == 20


async def test_shutdown_leaves_the_batch_untouched() -> None:
    class Stuck(Handler):
        async def handle(self, events: Sequence[FeedbackReceived]) -> None:
            await asyncio.Event().wait()

    producer = RecordingProducer()
    task = asyncio.create_task(contract(Stuck(), producer).settle([received_record(0)]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert producer.records == []


async def test_an_observer_hears_how_each_record_ended() -> None:
    heard: list[Settled[FeedbackReceived]] = []
    failing = Handler({feedback_id(2): Permanent("never")})
    batch = [received_record(1), received_record(2), record(b"no event")]
    await contract(failing, RecordingProducer(), observe=heard.extend).settle(batch)
    told = {each.record.offset: (each.outcome, each.error) for each in heard}
    assert sorted(map(str, told.values())) == sorted(
        map(str, [("handled", None), ("dead", "Permanent"), ("dead", "Malformed")])
    )
    assert [each.event is None for each in heard].count(True) == 1


async def test_an_observer_that_fails_costs_the_batch_nothing() -> None:
    def fail(_: Sequence[Settled[FeedbackReceived]]) -> None:
        raise ValueError("a fault of the observer")

    handler = Handler()
    await contract(handler, RecordingProducer(), observe=fail).settle([received_record(1)])
    assert handler.handled == [feedback_id(1)]
