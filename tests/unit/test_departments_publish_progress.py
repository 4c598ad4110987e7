"""Every acknowledgement is published; a repeat has the same id and bytes."""

import asyncio
from collections.abc import Sequence

import pytest

from schemas.codec import decode
from schemas.envelope import FeedbackProgressed
from schemas.feedback import Marking
from schemas.routing import Role
from services.departments.progress import ProgressPublisher
from services.queues.memory_store import MemoryQueueStore
from services.queues.store import NewItem
from services.runtime.errors import Unavailable
from services.runtime.health import Progress
from services.runtime.kafka import Record
from tests.builders import NOON, feedback, feedback_id
from tests.waiting import until


class Broker:
    """Takes records, unless it is away; or takes them and dies before it says so."""

    def __init__(self) -> None:
        self.taken: list[Record] = []
        self.away = self.forgetful = False

    async def publish(self, records: Sequence[Record]) -> None:
        if self.away:
            raise Unavailable("Kafka: away")
        self.taken += records
        if self.forgetful:
            raise Unavailable("Kafka: not confirmed")


@pytest.fixture
def store() -> MemoryQueueStore:
    return MemoryQueueStore(lambda: NOON)


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def publisher(store: MemoryQueueStore, broker: Broker) -> ProgressPublisher:
    return ProgressPublisher(store, broker.publish, "progressed", 0.01, Progress(60))


async def acknowledge(store: MemoryQueueStore, number: int, *departments: str) -> None:
    said = feedback(number, marking=Marking.SENSITIVE)
    new = [NewItem(said.id, code, Role.LEAD, (), "why", "rule", 2) for code in departments]
    await store.enqueue([said], new)
    for code in departments:
        items = await store.receive(code, 10, 60)
        await store.acknowledge(code, [item.lease for item in items])


async def test_an_acknowledgement_becomes_an_event_of_its_department(
    store: MemoryQueueStore, broker: Broker, publisher: ProgressPublisher
) -> None:
    await acknowledge(store, 1, "DWP", "MHCLG")
    assert await publisher.publish_due() == 2
    assert await publisher.publish_due() == 0
    events = [decode(record.value, FeedbackProgressed) for record in broker.taken]
    assert [event.data.department for event in events] == ["DWP", "MHCLG"]
    assert len({event.id for event in events}) == 2
    assert {event.revision for event in events} == {2}
    assert {event.dataclassification for event in events} == {Marking.SENSITIVE}
    assert {(record.topic, record.key) for record in broker.taken} == {
        ("progressed", feedback_id(1).encode())
    }


async def test_what_was_not_confirmed_is_published_again_the_same(
    store: MemoryQueueStore, broker: Broker, publisher: ProgressPublisher
) -> None:
    await acknowledge(store, 1, "DWP")
    broker.forgetful = True
    with pytest.raises(Unavailable):
        await publisher.publish_due()
    broker.forgetful = False
    assert await publisher.publish_due() == 1
    first, second = broker.taken
    assert first == second


async def test_the_loop_outlives_an_outage_and_wakes_at_once(
    store: MemoryQueueStore, broker: Broker
) -> None:
    publisher = ProgressPublisher(store, broker.publish, "progressed", 0.05, Progress(60))
    broker.away = True
    async with publisher:
        await acknowledge(store, 1, "DWP")
        publisher.wake()
        await asyncio.sleep(0.1)
        broker.away = False
        await until(lambda: broker.taken, "the event")
        await acknowledge(store, 2, "DWP")
        publisher.wake()
        await until(lambda: len(broker.taken) == 2, "the second event")
