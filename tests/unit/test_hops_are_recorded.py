"""Hops: one for each record and group, written in the background, bounded and counted when not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from services.runtime.consume import Settled
from services.runtime.errors import Permanent, Unavailable
from services.runtime.metrics import Metrics
from services.runtime.redrive import Redriven
from services.tracing.hop import Hop, hop_of
from services.tracing.hop_store import MemoryHopStore
from services.tracing.recorder import Recorder
from tests.builders import NOON, feedback_id, received, received_record, record
from tests.waiting import until

LATER = NOON + timedelta(seconds=2)


def settled(number: int = 1, offset: int = 0) -> Settled[object]:
    made = received_record(number, offset)
    made = replace(made, timestamp=int(NOON.timestamp() * 1000) - 1_500)
    return Settled(made, received(number), "handled", 1, NOON, LATER)


class FailingStore(MemoryHopStore):
    """Raises while it has an error."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error
        self.calls = 0

    async def add(self, hops: Sequence[Hop]) -> None:
        self.calls += 1
        if self.error is not None:
            raise self.error
        await super().add(hops)


def count(metrics: Metrics, result: str) -> float:
    for line in generate_latest(metrics.registry).decode().splitlines():
        if line.startswith(f'frontline_hops_total{{result="{result}"}}'):
            return float(line.split()[-1])
    return 0


def test_a_hop_says_where_when_how_and_by_whom() -> None:
    hop = hop_of(settled(offset=7), "p.router", "router", "1.2")
    assert hop is not None
    assert hop.id == f"{feedback_id(1)}/p.router/0/7"
    assert (hop.waited_seconds, hop.took_seconds) == (1.5, 2.0)
    assert (hop.service, hop.version, hop.outcome, hop.attempts) == ("router", "1.2", "handled", 1)
    assert hop.event_id == received(1).id
    assert hop.redrive is None


def test_a_redriven_record_names_its_redrive() -> None:
    headers = Redriven("id", "router", "t", 0, 3, 1, "mended-model").headers()
    sent = record(b"{}", key=feedback_id(1).encode(), headers=tuple(headers))
    hop = hop_of(Settled(sent, None, "dead", 4, NOON, LATER, "Malformed"), "g", "s", "1")
    assert hop is not None
    assert (hop.redrive, hop.error, hop.event_id) == ("mended-model", "Malformed", None)


@pytest.mark.parametrize("key", [None, b"", b"someone@example.org", b"\xff" * 36])
def test_a_stranger_s_key_is_not_kept(key: bytes | None) -> None:
    assert (
        hop_of(Settled(record(b"x", key=key), None, "dead", 1, NOON, LATER), "g", "s", "1") is None
    )


async def test_hops_are_written_in_the_background_and_once() -> None:
    store, metrics = MemoryHopStore(), Metrics()
    async with Recorder(store, metrics, "router", "1") as recorder:
        for _ in range(2):
            recorder.observe("router", [settled(n, n) for n in range(700)])
        assert store.hops == {}, "observing does not write"
        await until(lambda: len(store.hops) == 700, "hops to be written")
    assert count(metrics, "dropped") == 0


async def test_the_end_writes_what_waits() -> None:
    store = MemoryHopStore()
    async with Recorder(store, Metrics(), "router", "1") as recorder:
        recorder.observe("router", [settled()])
    assert len(store.hops) == 1


async def test_an_outage_keeps_the_newest_hops_and_counts_the_others() -> None:
    store, metrics = FailingStore(Unavailable("MongoDB: away")), Metrics()
    async with Recorder(store, metrics, "router", "1", most_waiting=10) as recorder:
        recorder.observe("router", [settled(n, n) for n in range(8)])
        await until(lambda: store.calls > 0, "a write to fail")
        recorder.observe("router", [settled(n, n) for n in range(8, 16)])
        assert count(metrics, "dropped") == 6
        store.error = None
        await until(lambda: len(store.hops) == 10, "the hops that were kept")
    assert sorted(hop.offset for hop in store.hops.values()) == list(range(6, 16))
    assert count(metrics, "kept") == 10


async def test_hops_left_at_the_end_of_an_outage_are_counted() -> None:
    store, metrics = FailingStore(Unavailable("MongoDB: away")), Metrics()
    async with Recorder(store, metrics, "router", "1") as recorder:
        recorder.observe("router", [settled(n, n) for n in range(3)])
    assert count(metrics, "dropped") == 3


async def test_a_refused_write_is_no_reason_to_stop() -> None:
    store, metrics = FailingStore(Permanent("MongoDB: refused")), Metrics()
    async with Recorder(store, metrics, "router", "1") as recorder:
        recorder.observe("router", [settled()])
        await until(lambda: count(metrics, "dropped") == 1, "the hop to be dropped")
        store.error = None
        recorder.observe("router", [settled(2)])
        await until(lambda: len(store.hops) == 1, "the next hop")
