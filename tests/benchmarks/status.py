"""O1: how soon operators see the pipeline; O2: what looking once a second costs it."""

import asyncio
import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter

from pymongo.write_concern import WriteConcern

from schemas.codec import encode
from schemas.departments import load_departments
from schemas.topics import TAGGED
from services.queues.count_store import COLLECTION as COUNTS
from services.queues.documents import item_document
from services.queues.mongo_store import MongoQueueStore
from services.runtime.kafka import Producer, Record
from services.runtime.metrics import Metrics
from services.runtime.mongo import Database
from tests.benchmarks.compare import Row
from tests.builders import feedback, feedback_id, tagged
from tests.component.queue_stores import new_item
from tests.console import CommandLine
from tests.pipeline import Pipeline
from tests.waiting import until

LAG = 100_000
ITEMS = 1_000_000
_LEASED = 20_000
_CHUNK = 5_000
_REPEATS = 5

_PAIRS = 8
_SUBMITTED = 4_000
_BATCH = 100
_TEXT = "Families we support live with damp and mould that the landlord will not mend."
_IDLE_PAIRS = 3
_IDLE_SECONDS = 20.0
_GOAL_SECONDS = 1.0
_GOAL_SHARE = 0.95


async def measure_answers(pipeline: Pipeline) -> list[Row]:
    """The whole command, its start included, on a deep lag and deep queues."""
    await _lag(pipeline)
    await fill(pipeline.database)
    terminal = await _terminal(pipeline)
    cold, warm = [], []
    for _ in range(_REPEATS):
        await pipeline.database[COUNTS].delete_many({})
        cold.append(await asyncio.to_thread(_look, terminal))
        warm.append(await asyncio.to_thread(_look, terminal))
    what = f"status, {LAG:,} records of lag, {ITEMS:,} items"
    return [_time_row(f"{what}, uncounted", cold), _time_row(what, warm)]


def _look(terminal: CommandLine) -> float:
    started = perf_counter()
    ended = terminal("status", "--json")
    took = perf_counter() - started
    found = ended.json()
    assert sum(stage["lag"] for stage in found["stages"]) == LAG
    queues = found["departments"]
    assert sum(each["waiting"] + each["in_flight"] for each in queues) == ITEMS
    assert sum(each["in_flight"] for each in queues) == _LEASED
    return took


def _time_row(what: str, times: list[float]) -> Row:
    figure = f"{median(times):.2f} s ({min(times):.2f}-{max(times):.2f})"
    goal, reached = f"< {_GOAL_SECONDS:g} s", median(times) < _GOAL_SECONDS
    return Row("O1", what, figure, goal, reached, "the whole command")


async def measure_cost(pipeline: Pipeline) -> list[Row]:
    """Items a second from submission to queue, with and without a `watch`, in turn."""
    await fill(pipeline.database)
    terminal = await _terminal(pipeline)
    numbers = count()
    await _throughput(pipeline, numbers)  # warms up
    pairs = []
    for turn in range(_PAIRS):
        rates: dict[bool, float] = {}
        for watched in (turn % 2 == 0, turn % 2 == 1):
            if watched:
                async with _watch(terminal):
                    rates[watched] = await _throughput(pipeline, numbers)
            else:
                rates[watched] = await _throughput(pipeline, numbers)
        pairs.append((rates[True], rates[False]))
    return [_throughput_row(pairs), await _cpu_row(terminal)]


def _throughput_row(pairs: list[tuple[float, float]]) -> Row:
    ratios = sorted(watched / alone for watched, alone in pairs)
    mine, alone = (median(values) for values in zip(*pairs, strict=True))
    return Row(
        "O2",
        "pipeline looked at once a second, against left alone",
        f"{median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})",
        f">= {_GOAL_SHARE}",
        median(ratios) >= _GOAL_SHARE,
        f"{mine:,.0f} against {alone:,.0f} items/s",
    )


async def _cpu_row(terminal: CommandLine) -> Row:
    """What looking costs all processes together, of all cores: other work on them is no matter."""
    cores = os.cpu_count() or 1
    shares = []
    for _ in range(_IDLE_PAIRS):
        alone = await _cpu_share(cores)
        async with _watch(terminal):
            shares.append(await _cpu_share(cores) - alone)
    most = 1 - _GOAL_SHARE
    return Row(
        "O2",
        "what a look a second costs, of all cores, idle pipeline",
        f"{median(shares):.1%} ({min(shares):.1%}-{max(shares):.1%})",
        f"< {most:.0%}",
        median(shares) < most,
        f"Kafka, MongoDB, services, watch; {cores} cores",
    )


async def _cpu_share(cores: int) -> float:
    """The share of the cores' time that our child processes take."""
    before, started = _cpu_seconds(), perf_counter()
    await asyncio.sleep(_IDLE_SECONDS)
    return (_cpu_seconds() - before) / (perf_counter() - started) / cores


def _cpu_seconds() -> float:
    """CPU time of all processes below this one."""
    parents, spent = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(") ")[2].split()
            pid = int(stat.parent.name)
            parents[pid] = int(fields[1])
            spent[pid] = int(fields[11]) + int(fields[12])

    def is_ours(pid: int) -> bool:
        return pid in parents and (parents[pid] == os.getpid() or is_ours(parents[pid]))

    ticks = sum(spent[pid] for pid in spent if is_ours(pid))
    return ticks / os.sysconf("SC_CLK_TCK")


async def _throughput(pipeline: Pipeline, numbers: Iterator[int]) -> float:
    decisions = pipeline.database["routing_decisions"]
    before = await decisions.estimated_document_count()
    started = perf_counter()
    async with pipeline.http("intake", pipeline.charity_key) as charity:

        async def submit() -> None:
            for _ in range(_SUBMITTED // _BATCH // 4):
                items = [
                    {"kind": "observation", "text": _TEXT, "idempotency_key": f"o2-{next(numbers)}"}
                    for _ in range(_BATCH)
                ]
                await pipeline.submit_batch(charity, items)

        await asyncio.gather(*[submit() for _ in range(4)])

        async def queued() -> bool:
            there: int = await decisions.estimated_document_count()
            return there >= before + _SUBMITTED

        await until(queued, "what was submitted to be queued", 120)
    return _SUBMITTED / (perf_counter() - started)


@asynccontextmanager
async def _watch(terminal: CommandLine) -> AsyncIterator[None]:
    """Someone who looks once a second, from a first look on."""
    watching = await asyncio.to_thread(
        subprocess.Popen,
        terminal.words("watch", "--json"),
        env=terminal.variables(None, {}),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    try:
        assert await asyncio.to_thread(watching.stdout.readline), "the watch ended at once"
        reading = asyncio.create_task(asyncio.to_thread(watching.stdout.read))
        yield
        assert watching.poll() is None, "the watch ended"
    finally:
        watching.kill()
        await asyncio.to_thread(watching.wait)
    await reading


async def _terminal(pipeline: Pipeline) -> CommandLine:
    return CommandLine(pipeline.environment, await pipeline.key("operator", "on-call"))


async def _lag(pipeline: Pipeline) -> None:
    """Tagged feedback that no router has read."""
    topic = pipeline.topic_prefix + TAGGED.name
    value = encode(tagged())
    async with Producer(pipeline.provisioning, "bench", Metrics()) as producer:
        for first in range(0, LAG, _CHUNK):
            await producer.publish(
                [
                    Record(topic, feedback_id(number).encode(), value)
                    for number in range(first, first + _CHUNK)
                ]
            )


async def fill(database: Database) -> None:
    """Deep queues: half of the items on one department's, the rest over all; some are leased."""
    items = database["queue_items"].with_options(write_concern=WriteConcern(w=1))
    codes = [each.code for each in load_departments().departments]
    started = datetime.now(UTC) - timedelta(hours=1)
    run = uuid.uuid4().hex
    for first in range(0, ITEMS, _CHUNK):
        cause = feedback(1, received_at=started + timedelta(milliseconds=first))
        documents = [
            item_document(
                new_item(
                    1,
                    codes[0] if number % 2 else codes[number // 2 % len(codes)],
                    feedback_id=f"{run}-{number}",
                ),
                cause,
                started,
            )
            for number in range(first, first + _CHUNK)
        ]
        await items.insert_many(documents, ordered=False)
    store = MongoQueueStore(database)
    for _ in range(0, _LEASED, 1_000):
        await store.receive(codes[0], 1_000, 36_000)
