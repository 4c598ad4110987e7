"""The relay publishes what requests left behind, once among many, and gives back what it cannot."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.intake.publisher import Publisher
from services.intake.relay import Relay
from services.intake.settings import IntakeSettings
from services.receipts.memory_receipt_store import MemoryReceiptStore
from services.runtime.errors import Unavailable
from services.runtime.process import Process
from tests.unit.test_intake_publisher import NOW, Broker, kept, receipt
from tests.waiting import until

SETTINGS = IntakeSettings(relay_seconds=0.01, relay_receipts=10)


class Clock:
    """A time that a test moves on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Outbox:
    """A store, a broker and relays on them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryReceiptStore(self.clock)
        self.broker = Broker()
        self.process = Process("intake", "test")

    def publisher(self) -> Publisher:
        return Publisher(self.broker.publish, self.store, "feedback.received", self.process.metrics)

    def relay(self, publisher: Publisher) -> Relay:
        return Relay(self.store, publisher, SETTINGS, self.process, self.clock)

    def age(self, seconds: float) -> None:
        self.clock.now += timedelta(seconds=seconds)


async def test_receipts_are_left_to_their_request_until_they_are_old() -> None:
    outbox = Outbox()
    await kept(outbox.store, 1, 2)
    async with outbox.publisher() as publisher:
        relay = outbox.relay(publisher)
        outbox.age(4)
        assert await relay.relay() == 0
        outbox.age(2)
        assert await relay.relay() == 2
    assert (await outbox.store.backlog()).receipts == 0


async def test_two_relays_never_publish_the_same_receipt() -> None:
    outbox = Outbox()
    await kept(outbox.store, *range(40))
    outbox.age(10)
    async with outbox.publisher() as one, outbox.publisher() as other:
        relays = [outbox.relay(one), outbox.relay(other)]
        for _ in range(3):
            for relay in relays:
                await relay.relay()
    assert len(outbox.broker.records) == 40
    assert len({each.key for each in outbox.broker.records}) == 40


async def test_a_dead_relays_receipts_are_taken_over_after_the_lease() -> None:
    outbox = Outbox()
    await kept(outbox.store, 1)
    outbox.age(10)
    lease = timedelta(seconds=SETTINGS.relay_lease_seconds)
    await outbox.store.claim(10, timedelta(), lease)  # and its process dies
    async with outbox.publisher() as publisher:
        relay = outbox.relay(publisher)
        assert await relay.relay() == 0
        outbox.age(SETTINGS.relay_lease_seconds)
        assert await relay.relay() == 1


async def test_what_could_not_be_published_is_given_back_at_once() -> None:
    outbox = Outbox()
    await kept(outbox.store, 1)
    outbox.age(10)
    outbox.broker.away = True
    async with outbox.publisher() as publisher:
        relay = outbox.relay(publisher)
        with pytest.raises(Unavailable):
            await relay.relay()
        outbox.broker.away = False
        assert await relay.relay() == 1


async def test_the_loop_drains_a_backlog_reports_it_and_survives_outages() -> None:
    outbox = Outbox()
    await kept(outbox.store, *range(95))
    outbox.age(60)
    outbox.store.error = Unavailable("MongoDB: gone")
    metrics = outbox.process.metrics
    async with outbox.publisher() as publisher, outbox.relay(publisher):
        await until(lambda: outbox.store.refusals >= 2, "two rounds in vain")
        outbox.store.error = None
        await until(lambda: len(outbox.broker.records) == 95, "the backlog to be published")
        await outbox.store.insert([replace(receipt(1_000), accepted_at=outbox.clock())])
        await until(
            lambda: metrics.registry.get_sample_value("frontline_outbox_receipts") == 1.0,
            "the count of the fresh one",
        )
