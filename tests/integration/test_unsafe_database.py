"""A process refuses a MongoDB that can lose acknowledged writes, unless told that it may."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.mongod import find_mongod
from schemas.topics import TAGGED
from tests.delivery import Topic
from tests.infra import LIBRARIES, free_port
from tests.pipeline import ROOT, Service


@pytest.fixture
def standalone(tmp_path: Path) -> Iterator[str]:
    """A MongoDB without a replica set."""
    port = free_port()
    data = tmp_path / "standalone"
    data.mkdir()
    mongod = find_mongod(LIBRARIES)
    server = subprocess.Popen(
        [mongod.path, "--dbpath", data, "--port", str(port), "--bind_ip", "127.0.0.1"],
        env=mongod.environment(),
        stdout=subprocess.DEVNULL,
    )
    yield f"mongodb://127.0.0.1:{port}/?directConnection=true"
    server.terminate()
    server.wait(30)


def environment(kafka_servers: str, url: str, topic_prefix: str) -> dict[str, str]:
    return {
        "FRONTLINE_KAFKA_SERVERS": kafka_servers,
        "FRONTLINE_MONGO_URL": url,
        "FRONTLINE_TOPIC_PREFIX": topic_prefix,
        "FRONTLINE_HTTP_PORT": str(free_port()),
        "FRONTLINE_LOG_FORMAT": "json",
    }


def test_router_refuses_a_standalone_database(
    kafka_servers: str, standalone: str, topic_prefix: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "services.router"],
        cwd=ROOT,
        env=os.environ | environment(kafka_servers, standalone, topic_prefix),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 78
    assert b"--replSet" in ended.stdout
    assert b"FRONTLINE_MODE=development" in ended.stdout


async def test_development_mode_accepts_it_and_says_so(
    kafka_servers: str, standalone: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = environment(kafka_servers, standalone, topic_prefix)
    await Topic(kafka_servers, topic_prefix, TAGGED).create()
    service = Service("router", settings | {"FRONTLINE_MODE": "development"}, tmp_path / "log")
    service.start()
    try:
        await service.ready()
        assert any("standalone" in event["problem"] for event in service.logged("warning"))
    finally:
        service.kill()
