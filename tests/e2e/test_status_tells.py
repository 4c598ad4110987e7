"""Whoever is on call sees within seconds whether feedback flows, and where it stopped."""

import asyncio
import json
import signal
import subprocess
from pathlib import Path
from time import monotonic
from typing import Any

from tests.console import Terminal
from tests.pipeline import Pipeline
from tests.waiting import until

ITEMS = 30
NOWHERE = "127.0.0.1:1"


def submissions(items: int) -> list[dict[str, Any]]:
    text = "Families we support live with damp and mould that the landlord will not mend."
    return [
        {"kind": "observation", "text": text, "idempotency_key": f"status-{number}"}
        for number in range(items)
    ]


async def status(terminal: Terminal, code: int = 0, **settings: str) -> dict[str, Any]:
    """The status, without what is said of the disk of whatever machine this is."""
    found = dict(json.loads(await terminal.do("status", "--json", code=code, **settings)))
    found["attention"] = [each for each in found["attention"] if each["about"] != "disk"]
    return found


def stage(found: dict[str, Any], name: str) -> dict[str, Any]:
    [one] = [each for each in found["stages"] if each["name"] == name]
    return dict(one)


async def test_where_feedback_stopped_is_told_and_what_is_away(
    kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    async with Pipeline(kafka_servers, mongo_url, tmp_path) as pipeline:
        terminal = await Terminal.on(pipeline)
        async with pipeline.http("intake", pipeline.charity_key) as charity:
            await pipeline.submit_batch(charity, submissions(ITEMS))
            await pipeline.drained()
            await _flowing(terminal)
            await _router_killed(pipeline, terminal, charity)
        await _partly_away(terminal)


async def _flowing(terminal: Terminal) -> None:
    found: dict[str, Any] = {}

    async def settled() -> bool:
        found.update(await status(terminal))
        return all(each["lag"] == 0 and each["ready"] for each in found["stages"])

    await until(settled, "every stage to be without lag", 60)
    assert found["attention"] == []
    assert {each["condition"] for each in found["stages"]} == {"running"}
    assert all(each["instances"] == 1 for each in found["stages"])
    assert stage(found, "classifier")["arriving"] > 0
    assert {each["service"] for each in found["processes"]} >= {"intake", "router", "departments"}
    assert found["outbox"]["receipts"] == 0
    assert sum(each["waiting"] for each in found["departments"]) >= ITEMS
    table = await terminal.do("status")
    assert ("Nothing needs a person." in table) or ("the disk of MongoDB's data" in table)
    assert "tracking-progressed" in table


async def _router_killed(pipeline: Pipeline, terminal: Terminal, charity: Any) -> None:
    pipeline.services["router"].kill()
    killed = monotonic()
    await pipeline.submit_batch(
        charity,
        [
            each | {"idempotency_key": f"later-{number}"}
            for number, each in enumerate(submissions(ITEMS))
        ],
    )
    found: dict[str, Any] = {}

    async def told() -> bool:
        found.update(await status(terminal))
        router = stage(found, "router")
        return (router["condition"], router["lag"]) == ("silent", ITEMS)

    await until(told, "the router to be called silent", 30)
    assert monotonic() - killed < 30
    first = found["attention"][0]
    assert (first["urgency"], first["about"]) == ("now", "router")
    assert "has been silent" in first["what"]
    assert stage(found, "router")["oldest_seconds"] >= 0
    assert stage(found, "classifier")["condition"] == "running"
    pipeline.services["router"].start()
    await pipeline.services["router"].ready()
    await pipeline.drained()
    await _flowing(terminal)


async def _partly_away(terminal: Terminal) -> None:
    """What is away is a line at the top, the rest is told all the same, and the exit code is 69."""
    started = monotonic()
    found = await status(terminal, 69, kafka_servers=NOWHERE)
    assert found["attention"][0]["about"] == "Kafka"
    assert {each["condition"] for each in found["stages"]} == {"running"}
    assert {each["lag"] for each in found["stages"]} == {None}
    assert sum(each["waiting"] for each in found["departments"]) == 2 * ITEMS
    away = f"mongodb://{NOWHERE}/?replicaSet=rs0"
    quick = {"mongo_url": away, "mongo_timeout_seconds": "1"}
    found = await status(terminal, 69, **quick)
    assert found["attention"][0]["about"] == "MongoDB"
    assert {each["lag"] for each in found["stages"]} == {0}
    assert {each["condition"] for each in found["stages"]} == {"unknown"}
    both = await terminal.do("status", code=69, kafka_servers=NOWHERE, **quick)
    assert "MongoDB does not answer" in both
    assert "Kafka does not answer" in both
    assert monotonic() - started < 30


async def test_watch_looks_each_second_and_ends_with_ctrl_c(
    kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    async with Pipeline(kafka_servers, mongo_url, tmp_path, services=()) as pipeline:
        terminal = await Terminal.on(pipeline)
        looks = await terminal.do("watch", "--json", "--every", "0.2", "--looks", "3")
        assert [json.loads(line)["kafka"]["problem"] for line in looks.splitlines()] == [None] * 3
        assert await asyncio.to_thread(interrupt_a_watch, terminal) == 130


def interrupt_a_watch(terminal: Terminal) -> int:
    """Ctrl-C after the first look; returns the exit code."""
    with subprocess.Popen(
        terminal.line.words("watch", "--json", "--every", "0.2"),
        env=terminal.line.variables(None, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        code = watching.wait(20)
        assert watching.stderr.read() == ""
        return code
