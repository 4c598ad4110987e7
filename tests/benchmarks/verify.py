"""Measures what `verify` needs for a million items: its memory must not grow with them."""

import asyncio
import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.provision import ProvisionSettings, provision
from schemas.topics import RECEIVED, ROUTED, TAGGED
from services.queues.item import bucket_of
from services.runtime.mongo import Client, connect
from services.stages.stage import STAGES
from tests.benchmarks.compare import Row
from tests.builders import feedback_id, reference
from tests.console import command_line, give_key

FEW, MANY = 50_000, 1_000_000
_CHUNK = 5_000
_VALUE = b"x" * 400
_LONG_AGO = timedelta(hours=1)
_MOST_GROWTH = 1.25


@dataclass(frozen=True, slots=True)
class _Run:
    """How one `verify` went: its peak memory in MiB, its time, and what it said."""

    peak: float
    seconds: float
    whole: dict[str, Any]


async def measure(servers: str, mongo_url: str) -> list[Row]:
    """Verifies few and many sound items, each from a process of its own."""
    few, many = [await _verified(servers, mongo_url, count) for count in (FEW, MANY)]
    growth = many.peak / few.peak
    rows = many.whole["records"] + 3 * many.whole["receipts"]
    return [
        Row(
            "O3",
            f"verify: peak memory, {MANY:,} items against {FEW:,}",
            f"{growth:.2f}",
            f"<= {_MOST_GROWTH:g}",
            growth <= _MOST_GROWTH,
            f"{many.peak:.0f} against {few.peak:.0f} MiB; {many.seconds:.0f} s,"
            f" {rows / many.seconds:,.0f} rows/s",
        )
    ]


async def _verified(servers: str, mongo_url: str, count: int) -> _Run:
    name = uuid.uuid4().hex[:8]
    settings = ProvisionSettings(
        kafka_servers=servers,
        mongo_url=mongo_url,
        mongo_database=f"bench_{name}",
        topic_prefix=f"b{name}.",
    )
    await provision(settings)
    client, database = connect(settings)
    try:
        started = perf_counter()
        await _plant(client, settings, count)
        print(f"planted {count:,} items in {perf_counter() - started:.0f} s", flush=True)
        run = command_line(
            mongo_url, settings.mongo_database, kafka_servers=servers, topic_prefix=f"b{name}."
        )
        key = await give_key(database, "operator", "on-call")
        words = run.words("verify", "--json", "--settle", "1s")
        return await _watched(words, run.variables(key, {}))
    finally:
        await client.drop_database(settings.mongo_database)
        client.close()


async def _watched(words: Sequence[str], variables: dict[str, str]) -> _Run:
    """Runs it, and looks at its memory ten times a second."""
    started = perf_counter()
    process = await asyncio.create_subprocess_exec(
        *words, env=os.environ | variables, stdout=asyncio.subprocess.PIPE
    )
    ending = asyncio.create_task(process.communicate())
    peak = 0
    while not ending.done():
        peak = max(peak, _resident_bytes(process.pid))
        await asyncio.wait({ending}, timeout=0.1)
    out, _ = await ending
    whole = json.loads(out.splitlines()[-1])["verification"]
    assert process.returncode == 0, whole
    return _Run(peak / 2**20, perf_counter() - started, whole)


def _resident_bytes(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


async def _plant(client: Client, settings: ProvisionSettings, count: int) -> None:
    """Items that went all the way: receipt, three records, decision, queue item."""
    database = client[settings.mongo_database]  # quick: nothing here has to survive
    start = datetime.now(UTC) - _LONG_AGO
    topics = [settings.topic_prefix + topic.name for topic in (RECEIVED, TAGGED, ROUTED)]
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_servers, max_batch_size=262_144, linger_ms=20
    )
    async with producer:
        for first in range(0, count, _CHUNK):
            numbers = range(first, min(count, first + _CHUNK))
            at = start + timedelta(milliseconds=first // 1_000)
            ids = [feedback_id(number) for number in numbers]
            await asyncio.gather(
                database["receipts"].insert_many(
                    [_receipt(n, each, at) for n, each in zip(numbers, ids, strict=True)]
                ),
                database["routing_decisions"].insert_many([_decision(each, at) for each in ids]),
                database["queue_items"].insert_many([_item(each, at) for each in ids]),
                *[_publish(producer, topic, ids, at) for topic in topics],
            )
    for stage in STAGES:
        await _read_over(settings, stage.group, stage.topic.name)


async def _publish(
    producer: AIOKafkaProducer, topic: str, ids: Sequence[str], at: datetime
) -> None:
    moment = int(at.timestamp() * 1000)
    sent = [await producer.send(topic, _VALUE, each.encode(), timestamp_ms=moment) for each in ids]
    await asyncio.gather(*sent)


async def _read_over(settings: ProvisionSettings, group: str, topic: str) -> None:
    """As if the stage had read everything."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_servers,
        group_id=settings.topic_prefix + group,
        enable_auto_commit=False,
    )
    async with consumer:
        parts = [TopicPartition(settings.topic_prefix + topic, each) for each in range(6)]
        consumer.assign(parts)
        await consumer.commit(await consumer.end_offsets(parts))


def _receipt(number: int, identity: str, at: datetime) -> dict[str, Any]:
    return {
        "_id": identity,
        "reference": reference(number),
        "organisation": "org-1",
        "fingerprint": b"",
        "event": _VALUE,
        "accepted_at": at,
        "published_at": at,
    }


def _decision(identity: str, at: datetime) -> dict[str, Any]:
    return {
        "_id": f"{identity}:1",
        "feedback_id": identity,
        "revision": 1,
        "departments": [{"department": "DWP", "role": "lead", "rule": "r", "because": "b"}],
        "areas": [],
        "decided_at": at,
    }


def _item(identity: str, at: datetime) -> dict[str, Any]:
    return {
        "_id": f"{identity}:DWP",
        "department": "DWP",
        "state": "waiting",
        "bucket": bucket_of(identity),
        "visible_at": at,
        "receive_count": 0,
        "revision": 1,
        "created_at": at,
    }
