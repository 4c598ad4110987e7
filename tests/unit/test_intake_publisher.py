"""Publishing: confirmed within the request, or left in the outbox while Kafka is away."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from services.intake.publisher import Publisher
from services.receipts.memory_receipt_store import MemoryReceiptStore
from services.receipts.receipt import Receipt
from services.runtime.errors import Permanent, Unavailable
from services.runtime.kafka import Record
from services.runtime.metrics import Metrics
from tests.builders import feedback_id, reference
from tests.waiting import until

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.intake.publisher._FIRST_PROBE_SECONDS", 0.02)
    monkeypatch.setattr("services.intake.publisher._MARK_SECONDS", 0.02)


def receipt(number: int) -> Receipt:
    return Receipt(feedback_id(number), reference(number), "org-1", b"f", b"event %d" % number, NOW)


class Broker:
    """Takes records, unless it is away, or a record is one that it never takes."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.records: list[Record] = []
        self.away = False
        self.refused: set[bytes] = set()

    async def publish(self, records: Sequence[Record]) -> None:
        self.calls.append(len(records))
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("Kafka: gone")
        if self.refused & {each.value for each in records if each.value}:
            raise Permanent("too large")
        self.records += records


@asynccontextmanager
async def publishing(store: MemoryReceiptStore, broker: Broker) -> AsyncIterator[Publisher]:
    async with Publisher(broker.publish, store, "feedback.received", Metrics()) as publisher:
        yield publisher


async def kept(store: MemoryReceiptStore, *numbers: int) -> list[Receipt]:
    receipts = [receipt(number) for number in numbers]
    await store.insert(receipts)
    return receipts


async def unpublished(store: MemoryReceiptStore) -> int:
    return (await store.backlog()).receipts


async def test_the_receipts_bytes_are_published_keyed_by_feedback_and_marked() -> None:
    store, broker = MemoryReceiptStore(), Broker()
    async with publishing(store, broker) as publisher:
        await publisher.publish(await kept(store, 1))
        assert broker.records == [Record("feedback.received", feedback_id(1).encode(), b"event 1")]

        async def marked() -> bool:
            return await unpublished(store) == 0

        await until(marked, "the mark")


async def test_concurrent_receipts_share_a_call() -> None:
    store, broker = MemoryReceiptStore(), Broker()
    receipts = await kept(store, *range(200))
    async with publishing(store, broker) as publisher:
        await asyncio.gather(*[publisher.publish([each]) for each in receipts])
    assert len(broker.records) == 200
    assert len(broker.calls) < 20


async def test_marks_are_written_before_the_end() -> None:
    store, broker = MemoryReceiptStore(), Broker()
    receipts = await kept(store, *range(2_500))
    async with publishing(store, broker) as publisher:
        await publisher.publish(receipts)
    assert await unpublished(store) == 0


async def test_while_kafka_is_away_requests_do_not_wait_and_a_probe_finds_its_return() -> None:
    store, broker = MemoryReceiptStore(), Broker()
    first, *others = await kept(store, *range(50))
    async with publishing(store, broker) as publisher:
        broker.away = True
        await publisher.publish([first])
        assert publisher.away
        tried = len(broker.calls)
        await asyncio.gather(*[publisher.publish([each]) for each in others])
        assert len(broker.calls) == tried
        broker.away = False
        await until(lambda: not publisher.away, "the breaker to close")
        await publisher.publish([others[0]])
    assert [each.value for each in broker.records] == [b"event 0", b"event 1"]
    assert await unpublished(store) == 49, "what was not published waits for the relay"


async def test_those_who_waited_behind_a_failed_call_are_not_tried_in_vain() -> None:
    store, broker = MemoryReceiptStore(), Broker()
    receipts = await kept(store, *range(2_000))
    broker.away = True
    async with publishing(store, broker) as publisher:
        await asyncio.gather(*[publisher.publish([each]) for each in receipts])
        assert len(broker.calls) == 1


async def test_a_record_that_kafka_never_takes_stops_no_other() -> None:
    store, broker = MemoryReceiptStore(), Broker()
    broker.refused = {b"event 3"}
    async with publishing(store, broker) as publisher:
        await publisher.publish(await kept(store, *range(6)))
        assert not publisher.away
    assert len(broker.records) == 5
    assert await unpublished(store) == 1


async def test_marks_wait_out_an_outage_of_the_database() -> None:
    store, broker = MemoryReceiptStore(), Broker()
    async with publishing(store, broker) as publisher:
        receipts = await kept(store, 1, 2)
        store.error = Unavailable("MongoDB: gone")
        await publisher.publish(receipts)
        await asyncio.sleep(0.1)
        store.error = None

        async def marked() -> bool:
            return await unpublished(store) == 0

        await until(marked, "the marks")
