"""P7 and P8: what batches bring on a queue, many pullers on one department, a deep queue."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter

from services.queues.mongo_store import MongoQueueStore, ensure_indexes
from services.queues.pullers import Pullers
from services.runtime.mongo import Client, Database, durable
from tests.benchmarks.compare import Row
from tests.builders import feedback
from tests.component.queue_stores import KEEP, new_item

DEPARTMENT = "MHCLG"
DEEP, SHALLOW = 1_000_000, 10_000
_REPEATS = 3
_HOUR = 3_600


async def measure(client: Client) -> list[Row]:
    """Every figure on a queue of its own; ways of doing the same take turns."""
    return [
        await _receive_in_batches(client),
        *await _many_pullers(client),
        await _deep_queue(client),
        await _idle_pullers(client),
        await _acknowledge_in_batches(client),
    ]


async def _receive_in_batches(client: Client) -> Row:
    async with _queue(client, 40_000) as (store, _):

        async def rate(size: int, calls: int) -> float:
            started, items = perf_counter(), 0
            for _ in range(calls):
                items += len(await store.receive(DEPARTMENT, size, _HOUR))
            return items / (perf_counter() - started)

        pairs = [(await rate(100, 50), await rate(1, 200)) for _ in range(_REPEATS + 1)][1:]
    return _ratio_row("P7", "receive: 100 at a time against one at a time", pairs, 20)


async def _many_pullers(client: Client) -> list[Row]:
    rows = []
    for size in (10, 100):
        rates: dict[int, list[float]] = {}
        for _ in range(_REPEATS):
            for pullers in (1, 4, 16, 64):
                rates.setdefault(pullers, []).append(await _pull(client, pullers, size))
        best = max((1, 4, 16), key=lambda pullers: median(rates[pullers]))
        pairs = list(zip(rates[64], rates[best], strict=True))
        what = f"64 pullers of one department, {size} items each, against {best}"
        rows.append(_ratio_row("P7", what, pairs, 0.9))
    return rows


async def _pull(client: Client, pullers: int, size: int) -> float:
    """Items a second of so many clients that pull until the queue is empty."""
    async with _queue(client, 20_000) as (store, _):
        shared = Pullers(store)

        async def work() -> int:
            items = 0
            while got := await shared.receive(DEPARTMENT, size, _HOUR):
                items += len(got)
            return items

        started = perf_counter()
        items = sum(await asyncio.gather(*[work() for _ in range(pullers)]))
        return items / (perf_counter() - started)


async def _deep_queue(client: Client) -> Row:
    """The cost of a claim on a deep queue, as a multiple of its cost on a shallow one."""
    async with _queue(client, DEEP) as (deep, _), _queue(client, SHALLOW) as (shallow, _):

        async def cost(store: MongoQueueStore) -> float:
            started = perf_counter()
            for _ in range(20):
                await store.receive(DEPARTMENT, 100, _HOUR)
            return (perf_counter() - started) / 20

        pairs = [(await cost(deep), await cost(shallow)) for _ in range(_REPEATS + 1)][1:]
    ratios = [mine / other for mine, other in pairs]
    return Row(
        "P7",
        f"a claim of 100 with {DEEP:,} waiting against {SHALLOW:,}",
        f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
        "<= 1.50",
        median(ratios) <= 1.5,
        f"{pairs[-1][0] * 1000:.1f} against {pairs[-1][1] * 1000:.1f} ms",
    )


async def _idle_pullers(client: Client) -> Row:
    """Database calls a second that 64 clients cost which wait on an empty queue."""
    async with _queue(client, 0) as (store, _):
        looks = 0
        receive = store.receive

        async def counted(*arguments: int | str | float) -> object:
            nonlocal looks
            looks += 1
            return await receive(*arguments)  # type: ignore[arg-type]

        store.receive = counted  # type: ignore[method-assign,assignment]
        shared = Pullers(store)
        await asyncio.gather(*[shared.receive(DEPARTMENT, 10, 60, 3) for _ in range(64)])
    rate = looks / 3
    what = "looks at the queue a second, 64 idle pullers"
    return Row("P7", what, f"{rate:.1f}", "<= 10", rate <= 10, f"{looks} in 3 s")


async def _acknowledge_in_batches(client: Client) -> Row:
    async with _queue(client, 40_000) as (store, _):

        async def rate(size: int, calls: int) -> float:
            leases = [
                [item.lease for item in await store.receive(DEPARTMENT, size, _HOUR)]
                for _ in range(calls)
            ]
            started = perf_counter()
            for each in leases:
                await store.acknowledge(DEPARTMENT, each)
            return size * calls / (perf_counter() - started)

        pairs = [(await rate(100, 50), await rate(1, 200)) for _ in range(_REPEATS + 1)][1:]
    return _ratio_row("P8", "acknowledge: 100 at a time against one at a time", pairs, 15)


@asynccontextmanager
async def _queue(client: Client, waiting: int) -> AsyncIterator[tuple[MongoQueueStore, Database]]:
    """A queue with so many items; the first few thousand with their text."""
    database = durable(client, f"bench_{uuid.uuid4().hex[:8]}")
    await ensure_indexes(database, KEEP)
    store = MongoQueueStore(database)
    now = datetime.now(UTC) - timedelta(hours=1)
    for first in range(0, waiting, 1_000):
        numbers = range(first, min(first + 1_000, waiting))
        feedbacks = [
            feedback(number, received_at=now + timedelta(milliseconds=number)) for number in numbers
        ]
        await store.enqueue(feedbacks, [new_item(number, DEPARTMENT) for number in numbers])
    try:
        yield store, database
    finally:
        await client.drop_database(database.name)


def _ratio_row(name: str, what: str, pairs: list[tuple[float, float]], goal: float) -> Row:
    ratios = [mine / other for mine, other in pairs]
    mine, other = (median(values) for values in zip(*pairs, strict=True))
    return Row(
        name,
        what,
        f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
        f">= {goal:g}",
        median(ratios) >= goal,
        f"{mine:,.0f} against {other:,.0f} items/s",
    )
