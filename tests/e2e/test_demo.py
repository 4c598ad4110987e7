"""`make demo`: all samples arrive once, a second start finds its data, nothing is left running."""

import json
import signal
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from pymongo import MongoClient

from deploy.local.mongo import MongoServer
from deploy.local.mongod import find_mongod
from deploy.local.samples import read_samples
from deploy.local.waiting import wait_until
from schemas.departments import load_departments
from tests.e2e.demo import START_SECONDS, DemoRun, NewcomersRun
from tests.infra import LIBRARIES, free_port

SERVICES = ("intake", "classifier", "router", "departments")

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoRun]:
    demo = DemoRun(tmp_path / "var")
    yield demo
    demo.end()


def children(run: subprocess.Popen[bytes]) -> dict[str, psutil.Process]:
    """The demo's processes by the name of what they run."""
    marks = {"kafka": "kafka.Kafka", "mongo": "--replSet"}
    marks |= {name: f"services.{name}" for name in SERVICES}
    return {
        name: process
        for process in psutil.Process(run.pid).children(recursive=True)
        for name, mark in marks.items()
        if mark in process.cmdline()
    }


def ended(processes: dict[str, psutil.Process]) -> bool:
    return not any(
        process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        for process in processes.values()
    )


def stored(demo: DemoRun) -> dict[str, list[dict[str, Any]]]:
    """What is in the demo's database, read after its end."""
    server = MongoServer(
        demo.state / "mongo", find_mongod(LIBRARIES), demo.state / "read.log", free_port(), 0.25
    )
    server.start()
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(server.url)
        with client:
            names = ("feedback", "queue_items", "routing_decisions")
            return {name: list(client["frontline"][name].find()) for name in names}
    finally:
        server.stop()


def keys_for_scripts(demo: DemoRun) -> dict[str, Any]:
    """The keys of `demo.json`, which has its form and is its owner's alone."""
    file = demo.state / "demo.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    document = json.loads(file.read_text())
    assert set(document) == {"intake", "departments", "console", "keys"}
    port = demo.environment["FRONTLINE_DEMO_INTAKE_PORT"]
    assert document["intake"] == f"http://127.0.0.1:{port}"
    keys: dict[str, Any] = document["keys"]
    assert set(keys) == {"charity", "departments", "operator"}
    assert "partnerships-hub" in keys["departments"]
    today = datetime.now(UTC).date()
    assert set(keys["departments"]) == {each.slug for each in load_departments().open_on(today)}
    return keys


def arrive_once_in_two_starts(demo: DemoRun) -> None:
    """The second start adds nothing, and what is queued is what was decided."""
    first = demo.once()
    count = len(read_samples())
    assert count >= 60
    for printed in ("Abstentions: ", "From accepted to queued: median", "http://127.0.0.1:"):
        assert printed in first
    assert f"On their queues: {count} of {count}" in first
    keys = keys_for_scripts(demo)
    after_first = stored(demo)
    second = demo.once()
    assert f"On their queues: {count} of {count}" in second
    assert keys_for_scripts(demo) == keys
    after_second = stored(demo)
    assert len(after_second["feedback"]) == count
    assert after_second == after_first
    meant = sorted(
        f"{decision['feedback_id']}:{department['department']}"
        for decision in after_second["routing_decisions"]
        for department in decision["departments"]
    )
    assert sorted(item["_id"] for item in after_second["queue_items"]) == meant


def test_all_samples_arrive_and_a_second_start_adds_nothing(demo: DemoRun) -> None:
    arrive_once_in_two_starts(demo)


@pytest.mark.timeout(1_500)  # it installs everything
def test_make_demo_in_a_clone_does_the_same(tmp_path: Path) -> None:
    demo = NewcomersRun(tmp_path / "clone")
    try:
        arrive_once_in_two_starts(demo)
    finally:
        demo.end()


def test_a_killed_service_comes_back_and_an_interrupt_leaves_nothing(demo: DemoRun) -> None:
    run = demo.start()
    demo.wait_for("stays up until Ctrl-C", run)
    processes = children(run)
    assert len(processes) == 6
    processes["router"].kill()
    demo.wait_for("router runs again", run)
    processes = children(run)
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 0, demo.printed
    assert wait_until(lambda: ended(processes), 5)


def test_a_killed_demo_leaves_nothing_and_the_next_start_finds_its_data(demo: DemoRun) -> None:
    run = demo.start()
    demo.wait_for("stays up until Ctrl-C", run)
    processes = children(run)
    assert len(processes) == 6
    run.kill()
    run.wait()
    assert wait_until(lambda: ended(processes), 5)
    demo.once()
    assert len(stored(demo)["feedback"]) == len(read_samples())


def test_a_service_that_cannot_start_is_one_message_and_nothing_is_left(demo: DemoRun) -> None:
    run = demo.start("--once", FRONTLINE_MODEL_PATH=str(demo.state / "no-such-model"))
    assert run.wait(START_SECONDS) == 1
    refusals = [line for line in demo.printed.splitlines() if line.startswith("demo: ")]
    assert len(refusals) == 1
    assert refusals[0].startswith("demo: classifier did not start (exit code ")
    assert "no-such-model" in demo.printed
    assert not any(str(demo.state) in line for line in command_lines())


def command_lines() -> list[str]:
    """Of every process there is."""
    return [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]


def test_a_wrong_setting_is_said_before_anything_starts(demo: DemoRun) -> None:
    run = demo.start("--once", FRONTLINE_KAFKA_REPLICATION="many")
    assert run.wait(START_SECONDS) == 78
    assert "FRONTLINE_KAFKA_REPLICATION" in demo.printed
    assert not (demo.state / "log").exists()


def test_a_taken_port_is_said_before_anything_starts(demo: DemoRun) -> None:
    run = demo.start(
        "--once", FRONTLINE_DEMO_ROUTER_PORT=demo.environment["FRONTLINE_DEMO_INTAKE_PORT"]
    )
    assert run.wait(START_SECONDS) == 1
    assert "set twice" in demo.printed
    assert not (demo.state / "log").exists()
