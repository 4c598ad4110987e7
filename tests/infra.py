"""Chooses the Kafka and the MongoDB that tests run on, and says which.

Addresses in the environment (FRONTLINE_KAFKA_SERVERS, FRONTLINE_MONGO_URL), else embedded servers
with a folder and ports of their own, else testcontainers. Kafka and MongoDB are chosen apart.
FRONTLINE_TEST_INFRASTRUCTURE=embedded|testcontainers leaves out the other one.
"""

import os
import random
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from deploy.local.errors import CannotStart
from deploy.local.jars import provide_jars
from deploy.local.java import find_java
from deploy.local.kafka import KafkaServer
from deploy.local.mongo import MongoServer
from deploy.local.mongod import find_mongod

STATE = Path(__file__).parent.parent / "var"
JARS = STATE / "jars"
LIBRARIES = STATE / "lib"
KAFKA_VARIABLE = "FRONTLINE_KAFKA_SERVERS"
MONGO_VARIABLE = "FRONTLINE_MONGO_URL"
PREFERENCE_VARIABLE = "FRONTLINE_TEST_INFRASTRUCTURE"
# below the ports that the system gives to clients: a client that polls a port of that range
# until a server listens can be given that very port, and then speaks to itself
SERVER_PORTS = range(20_000, 32_000)

Source = Literal["environment", "embedded", "testcontainers"]
Say = Callable[[str], None]


class InfrastructureMissing(RuntimeError):  # noqa: N818 - says what is the matter
    """Neither an address, nor an embedded server, nor a container: the message says why."""


class Handle(Protocol):
    """A server that a test may stop, hold, kill and start again at the same address.

    All of it blocks: call it through `asyncio.to_thread` in an asynchronous test.
    """

    def start(self) -> None:
        """Starts it and waits until it answers; nothing to do when it runs."""

    def stop(self) -> object:
        """Stops it in good order."""

    def pause(self) -> None:
        """Holds it still: connections stay, answers do not come."""

    def resume(self) -> None:
        """Lets it go on."""

    def kill(self) -> None:
        """Ends it at once, as a power cut would."""


class Foreign:
    """A server at an address from the environment: not ours to stop."""

    def __init__(self, variable: str) -> None:
        self._variable = variable

    def start(self) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Refused, as are the other ways to disturb it."""
        raise InfrastructureMissing(
            f"this test stops its server, and {self._variable} names one that is not ours to stop."
            f" Unset {self._variable} to run it"
        )

    pause = resume = kill = stop


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a server comes from, and why from there."""

    source: Source
    because: str


def choose(
    variable: str,
    environment: Mapping[str, str],
    find_program: Callable[[], Path],
    docker_answers: Callable[[], bool],
) -> Choice:
    """Decides where the server at `variable` comes from.

    `find_program` gives the embedded server's program or raises `CannotStart`.
    Raises `InfrastructureMissing` naming every missing part.
    """
    if environment.get(variable):
        return Choice("environment", f"{variable} is set")
    preferred = environment.get(PREFERENCE_VARIABLE)
    if preferred not in (None, "", "embedded", "testcontainers"):
        raise InfrastructureMissing(f"{PREFERENCE_VARIABLE} is embedded or testcontainers")
    refusal = f"{PREFERENCE_VARIABLE}={preferred}"
    if preferred != "testcontainers":
        try:
            return Choice("embedded", str(find_program()))
        except CannotStart as error:
            refusal = str(error)
    if preferred == "embedded" or not docker_answers():
        raise InfrastructureMissing(f"{refusal}; and no Docker daemon for testcontainers")
    return Choice("testcontainers", refusal)


def docker_answers() -> bool:
    """Whether a Docker daemon is there for testcontainers."""
    if shutil.which("docker") is None:
        return False
    answer = subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False)
    return answer.returncode == 0


def free_port() -> int:
    """A port on loopback that nothing listens on now, outside the range of clients' ports."""
    for port in random.sample(SERVER_PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise InfrastructureMissing(f"no free port on 127.0.0.1 among {SERVER_PORTS}")


@contextmanager
def kafka(home: Path, say: Say) -> Iterator[tuple[str, Handle]]:
    """The chosen Kafka, started: its `host:port` and its handle."""
    choice = choose(KAFKA_VARIABLE, os.environ, find_java, docker_answers)
    say(f"Kafka: {choice.source} ({choice.because})")
    if choice.source == "environment":
        yield os.environ[KAFKA_VARIABLE], Foreign(KAFKA_VARIABLE)
    elif choice.source == "testcontainers":
        from tests.containers import KafkaInContainer

        container = KafkaInContainer(free_port())
        try:
            container.start()
            yield container.servers, container
        finally:
            container.close()
    else:
        server = _embedded_kafka(home)
        try:
            server.start()
            yield server.servers, server
        finally:
            server.stop()


@contextmanager
def mongo(home: Path, say: Say) -> Iterator[tuple[str, Handle]]:
    """The chosen MongoDB, started and primary: its URL and its handle."""
    choice = choose(MONGO_VARIABLE, os.environ, lambda: find_mongod(LIBRARIES).path, docker_answers)
    say(f"MongoDB: {choice.source} ({choice.because})")
    if choice.source == "environment":
        yield os.environ[MONGO_VARIABLE], Foreign(MONGO_VARIABLE)
    elif choice.source == "testcontainers":
        from tests.containers import MongoInContainer

        container = MongoInContainer(free_port())
        try:
            container.start()
            yield container.url, container
        finally:
            container.close()
    else:
        log = home / "mongo.log"
        mongod = find_mongod(LIBRARIES)
        server = MongoServer(home / "mongo", mongod, log, port=free_port(), cache_gb=0.5)
        try:
            server.start()
            yield server.url, server
        finally:
            server.stop()


def _embedded_kafka(home: Path) -> KafkaServer:
    cache = os.environ.get("FRONTLINE_MAVEN_CACHE")
    class_path = provide_jars(JARS, maven_cache=Path(cache) if cache else None)
    port, controller_port = free_port(), free_port()
    return KafkaServer(
        home / "kafka", find_java(), class_path, home / "kafka.log", port, controller_port
    )
