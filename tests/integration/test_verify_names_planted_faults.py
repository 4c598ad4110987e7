"""`verify` on a real pipeline: nothing where all is sound, every planted fault by its name."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete

from services.deadletters.letter import State
from services.stages.stage import CLASSIFIER, ROUTER, STREAMS
from tests.builders import feedback_id
from tests.console import Terminal
from tests.pipeline import Pipeline
from tests.planting import Planter
from tests.submitting import OBSERVATION
from tests.waiting import until

SUBMITTED = 12
WHOLE = -1  # to Kafka, the end of a partition


@pytest.fixture
async def pipeline(kafka_servers: str, mongo_url: str, tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with Pipeline(kafka_servers, mongo_url, tmp_path) as running:
        yield running


async def submit(pipeline: Pipeline, count: int) -> list[str]:
    """Submits observations and waits until everything is where it belongs."""
    items = [OBSERVATION | {"idempotency_key": f"n-{number}"} for number in range(count)]
    async with pipeline.http("intake", pipeline.charity_key) as client:
        ids = await pipeline.submit_batch(client, items)
    await pipeline.drained()
    return list(ids.values())


def stop(pipeline: Pipeline) -> None:
    """SIGTERM to all: groups are left, and nobody mends what is planted."""
    for service in pipeline.services.values():
        service.stop()


@asynccontextmanager
async def administering(pipeline: Pipeline) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=pipeline.kafka_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def cut(pipeline: Pipeline, topic: str, before: int) -> None:
    """Takes each partition's records before an offset, as retention does."""
    async with administering(pipeline) as admin:
        name = pipeline.topic_prefix + topic
        parts = [TopicPartition(name, each) for each in range(6)]
        await admin.delete_records({each: RecordsToDelete(before_offset=before) for each in parts})


def read(out: str) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    """What `verify --json` said: faults by their kind, and the whole."""
    *faults, last = [json.loads(line) for line in out.splitlines()]
    whole = last["verification"]
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for fault in (each["fault"] for each in faults):
        by_kind.setdefault(fault["kind"], []).append(fault)
    assert {kind: len(found) for kind, found in by_kind.items()} == whole["faults"]
    return by_kind, whole


def named(faults: Sequence[dict[str, Any]]) -> list[str]:
    return [each["feedback_id"] for each in faults]


async def test_every_planted_fault_is_named_and_a_sound_pipeline_has_none(
    pipeline: Pipeline,
) -> None:
    ids = await submit(pipeline, SUBMITTED)
    terminal = await Terminal.on(pipeline)

    async def sound() -> bool:
        ended = await terminal.run("verify", "--settle", "1", "--json")
        delivered = {"delivered": SUBMITTED}
        return ended.code == 0 and bool(read(ended.out)[1]["outcomes"] == delivered)

    await until(sound, "a sound pipeline", 60)
    assert "Everything is accounted for." in await terminal.do("verify", "--settle", "1s")

    stop(pipeline)
    planter = Planter(pipeline)
    outbox = await planter.receipt(published=False)
    lost = await planter.receipt(published=True)
    untagged, accounted, redriven, left_open = [await planter.received() for _ in range(4)]
    await planter.dead(accounted, CLASSIFIER)
    letter = await planter.letter(redriven, CLASSIFIER, State.REDRIVEN)
    await planter.letter(left_open, CLASSIFIER, State.REDRIVING)
    await planter.read_over(CLASSIFIER)
    unrouted = await planter.tagged()
    await planter.read_over(ROUTER)
    await planter.read_over(CLASSIFIER)
    stuck = await planter.received()
    await planter.write("feedback.received", feedback_id(9_999), b"{}")

    missing = (await planter.items(ids[0]))[0]["_id"]
    await planter.database["queue_items"].delete_one({"_id": missing})
    twin = (await planter.items(ids[1]))[0]
    await planter.database["queue_items"].insert_one(twin | {"_id": twin["_id"] + "-2"})
    stray = twin | {"_id": f"{ids[2]}:XX", "department": "XX"}
    await planter.database["queue_items"].insert_one(stray)
    expired = (await planter.items(ids[3]))[0]["_id"]
    lease = {"token": "t", "until": planter.at, "released": False}
    await planter.change_item(expired, lease=lease, visible_at=planter.at, receive_count=2)
    untold = (await planter.items(ids[4]))[0]["_id"]
    settlement = {"token": "t", "at": planter.at, "call": "c"}
    await planter.change_item(
        untold, state="settled", settlement=settlement, progress="unpublished"
    )
    tampered = await planter.tamper_with_audit()

    words = ("verify", "--settle", "5", "--json")
    assert "expired_lease" not in read(await terminal.do(*words, code=1))[0]
    faults, whole = read(await terminal.do(*words, "--leases", "5s", code=1))
    assert named(faults.pop("never_published")) == [feedback_id(outbox)]
    assert named(faults.pop("lost_after_publishing")) == [feedback_id(lost)]
    assert named(faults.pop("never_tagged")) == [feedback_id(untagged)]
    assert named(faults.pop("never_routed")) == [feedback_id(unrouted)]
    [waiting] = [each for each in faults["stuck"] if each["feedback_id"] == feedback_id(stuck)]
    assert waiting["stage"] == "classifier"
    assert set(named(faults.pop("stuck"))) == {feedback_id(stuck), feedback_id(9_999)}
    assert named(faults.pop("no_receipt")) == [feedback_id(9_999)]
    assert [each["subject"] for each in faults.pop("no_queue_item")] == [missing]
    assert [each["subject"] for each in faults.pop("doubled_item")] == [twin["_id"] + "-2"]
    assert [each["subject"] for each in faults.pop("item_without_decision")] == [stray["_id"]]
    assert [each["subject"] for each in faults.pop("expired_lease")] == [expired]
    assert [each["subject"] for each in faults.pop("progress_unpublished")] == [untold]
    assert [each["subject"] for each in faults.pop("redrive_without_effect")] == [letter]
    assert [each["subject"] for each in faults.pop("redrive_left_open")] == ["planted"]
    assert str(tampered) in [each["subject"] for each in faults.pop("audit_broken")]
    assert faults == {}
    assert whole["outcomes"]["dead_letter"] == 2  # the accounted one, and that of the redrive
    assert whole["dead_letters"] == {"waiting": 1, "redriving": 1, "redriven": 1}

    told = await terminal.do("verify", "--settle", "5", code=1)
    assert "Faults were found." in told
    assert [line for line in told.splitlines() if line.startswith("never_tagged ")]


async def test_periods_that_cannot_be_told_are_refused(pipeline: Pipeline) -> None:
    terminal = await Terminal.on(pipeline)
    for words, told in (
        (("--since", "40d"), "Topics keep their records for 30 d:"),
        (("--since", "10s"), "has settled"),
        (("--since", "yesterday"), "is no duration"),
        (("--settle", "0"), "at least 1 s"),
        (("--leases", "soon"), "is no duration"),
    ):
        ended = await terminal.run("verify", *words)
        assert ended.code == 2, ended
        assert told in ended.err
        assert ended.out == ""

    async with administering(pipeline) as admin:
        topic = pipeline.topic_prefix + "feedback.routed"
        short = {"retention.ms": str(12 * 3_600_000)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, short)])
    ended = await terminal.run("verify", "--since", "24h")
    assert ended.code == 2
    assert "Topics keep their records for 12 h:" in ended.err


async def test_what_retention_took_is_judged_by_decisions_and_queues(pipeline: Pipeline) -> None:
    ids = await submit(pipeline, SUBMITTED)
    terminal = await Terminal.on(pipeline)
    stop(pipeline)
    for topic in ("received", "tagged", "routed", "progressed"):
        await cut(pipeline, f"feedback.{topic}", WHOLE)

    async def sound() -> bool:
        whole = read((await terminal.run("verify", "--settle", "1", "--json")).out)[1]
        assert whole["faults"] == {}
        return bool(whole["outcomes"] == {"delivered": SUBMITTED})

    await until(sound, "all of it to have settled")
    planter = Planter(pipeline)
    missing = (await planter.items(ids[0]))[0]["_id"]
    await planter.database["queue_items"].delete_one({"_id": missing})
    nowhere = await planter.receipt(published=True)
    elsewhere = await planter.receipt(published=True)
    await planter.letter(elsewhere, STREAMS, State.WAITING)

    faults, whole = read(await terminal.do("verify", "--settle", "1", "--json", code=1))
    assert [each["subject"] for each in faults.pop("no_queue_item")] == [missing]
    assert named(faults.pop("lost_after_publishing")) == [feedback_id(nowhere)]
    assert named(faults.pop("records_gone")) == [feedback_id(elsewhere)]
    assert faults == {}
    assert whole["outcomes"] == {"delivered": SUBMITTED - 1, "faulty": 3}


async def test_a_broker_or_a_database_that_is_away_is_one_line(pipeline: Pipeline) -> None:
    terminal = await Terminal.on(pipeline)
    away = await terminal.run("verify", kafka_servers="127.0.0.1:1")
    assert (away.code, len(away.err.splitlines())) == (69, 1)
