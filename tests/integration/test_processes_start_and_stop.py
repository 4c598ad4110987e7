"""Processes end when told, whenever that is, and say when Kafka is gone."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.infra import Handle, free_port
from tests.pipeline import ROOT, Pipeline
from tests.waiting import until


@pytest.mark.parametrize("name", ["intake", "classifier"])
def test_sigterm_while_starting_ends_a_process(name: str) -> None:
    environment = {"FRONTLINE_HTTP_PORT": str(free_port()), "FRONTLINE_LOG_FORMAT": "json"}
    process = subprocess.Popen(
        [sys.executable, "-m", f"services.{name}"],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        while b'"action": "start"' not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FRONTLINE_MONGO_URL", "mongodb://user:p@ss@host/"),
        ("FRONTLINE_KAFKA_CA_FILE", "/there/is/no/such/file"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line_and_78(variable: str, value: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "services.router"],
        cwd=ROOT,
        env=os.environ | {variable: value, "FRONTLINE_KAFKA_SECURITY_PROTOCOL": "SSL"},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 78
    [line] = ended.stderr.decode().splitlines()
    assert line.startswith(f"settings: {variable}:")
    assert "p@ss" not in line


async def test_consumers_are_not_ready_while_kafka_is_gone(
    kafka_servers: str, kafka_server: Handle, mongo_url: str, tmp_path: Path
) -> None:
    services = ("classifier", "router")
    async with (
        Pipeline(kafka_servers, mongo_url, tmp_path, services=services) as pipeline,
        httpx.AsyncClient() as client,
    ):
        urls = [f"{pipeline.services[name].url}/health/ready" for name in services]

        async def all_answer(status: int) -> bool:
            answers = [(await client.get(url)).status_code for url in urls]
            return answers == [status] * len(urls)

        await asyncio.to_thread(kafka_server.stop)
        await until(lambda: all_answer(503), "red readiness", 30)
        await asyncio.to_thread(kafka_server.start)
        await until(lambda: all_answer(200), "green readiness", 60)


async def test_a_process_ends_although_the_broker_stands_still(
    kafka_servers: str, kafka_server: Handle, mongo_url: str, tmp_path: Path
) -> None:
    async with Pipeline(
        kafka_servers, mongo_url, tmp_path, services=("classifier", "departments")
    ) as pipeline:
        await asyncio.to_thread(kafka_server.pause)
        try:
            for service in pipeline.services.values():
                asked = monotonic()
                assert await asyncio.to_thread(service.stop) == 0, service.tail()
                assert monotonic() - asked < 10
        finally:
            await asyncio.to_thread(kafka_server.resume)
