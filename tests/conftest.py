"""Fixtures for every test: a real Kafka and a real MongoDB, started when first asked for."""

import asyncio
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from pymongo import MongoClient

from tests import infra
from tests.infra import Handle, Say


@pytest.fixture(scope="session")
def _say(request: pytest.FixtureRequest) -> Say:
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            sys.stdout.write(f"\n[infrastructure] {line}\n")

    return say


@pytest.fixture(scope="session")
def _kafka(tmp_path_factory: pytest.TempPathFactory, _say: Say) -> Iterator[tuple[str, Handle]]:
    with infra.kafka(tmp_path_factory.mktemp("kafka"), _say) as running:
        yield running


@pytest.fixture(scope="session")
def _mongo(tmp_path_factory: pytest.TempPathFactory, _say: Say) -> Iterator[tuple[str, Handle]]:
    with infra.mongo(tmp_path_factory.mktemp("mongo"), _say) as running:
        yield running


@pytest.fixture(scope="session")
def kafka_servers(_kafka: tuple[str, Handle]) -> str:
    """`host:port` of a real broker."""
    return _kafka[0]


@pytest.fixture(scope="session")
def mongo_url(_mongo: tuple[str, Handle]) -> str:
    """The connection string of a real replica set."""
    return _mongo[0]


@pytest.fixture
def kafka_server(_kafka: tuple[str, Handle]) -> Iterator[Handle]:
    """The broker to stop, hold or kill; it runs again when the test is over."""
    yield _kafka[1]
    _running_again(_kafka[1])


@pytest.fixture
def mongo_server(_mongo: tuple[str, Handle]) -> Iterator[Handle]:
    """The database to stop, hold or kill; it runs again when the test is over."""
    yield _mongo[1]
    _running_again(_mongo[1])


def _running_again(handle: Handle) -> None:
    if not isinstance(handle, infra.Foreign):
        handle.resume()
    handle.start()


@pytest.fixture
def topic_prefix(kafka_servers: str) -> Iterator[str]:
    """A prefix for this test's topics and groups; its topics are deleted afterwards."""
    prefix = f"t{uuid.uuid4().hex[:8]}."
    yield prefix
    # own thread: an asynchronous test's loop may still be set in this one
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, _delete_topics(kafka_servers, prefix)).result()


async def _delete_topics(servers: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        await admin.start()
        topics = [name for name in await admin.list_topics() if name.startswith(prefix)]
        if topics:
            await admin.delete_topics(topics)
    finally:
        await admin.close()


@pytest.fixture
def mongo_database(mongo_url: str) -> Iterator[str]:
    """The name of a database of this test alone; it is dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield name
    client: MongoClient[dict[str, Any]] = MongoClient(mongo_url)
    with client:
        client.drop_database(name)
