"""What a demo starts: the servers that are not given by an address, and the services."""

import os
from dataclasses import dataclass
from pathlib import Path

from deploy.local.jars import provide_jars, read_list
from deploy.local.java import find_java
from deploy.local.kafka import HOST, KafkaServer
from deploy.local.mongo import MongoServer
from deploy.local.mongod import find_mongod
from deploy.local.server import Server
from deploy.local.service import Service
from deploy.local.settings import LocalSettings
from deploy.local.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Backends:
    """Where Kafka and MongoDB answer, and those of them that are ours to run."""

    kafka_servers: str
    mongo_url: str
    ours: tuple[Server, ...]


def log_file(state: Path, name: str) -> Path:
    """Where a server's output goes."""
    return state / "log" / f"{name}.log"


def find_backends(settings: LocalSettings, state: Path, terminal: Terminal) -> Backends:
    """Raises `CannotStart` when a program or a jar of ours is missing."""
    ours: list[Server] = []
    if settings.mongo_url is None:
        mongod, log = find_mongod(state / "lib"), log_file(state, "mongo")
        mongo = MongoServer(state / "mongo", mongod, log, settings.demo_mongo_port)
        mongo_url = mongo.url
        ours.append(mongo)
    else:
        mongo_url = settings.mongo_url.get_secret_value()
    kafka_servers = settings.kafka_servers
    if kafka_servers is None:
        kafka = _kafka(settings, state, terminal)
        kafka_servers = kafka.servers
        ours.append(kafka)
    return Backends(kafka_servers, mongo_url, tuple(ours))


def _kafka(settings: LocalSettings, state: Path, terminal: Terminal) -> KafkaServer:
    java = find_java()
    with terminal.counting("Kafka's jars, each checked", len(read_list())) as advance:
        class_path = provide_jars(
            state / "jars",
            maven_cache=settings.maven_cache,
            progress=lambda done, _total, name: advance(done, name),
        )
    return KafkaServer(
        state / "kafka",
        java,
        class_path,
        log_file(state, "kafka"),
        settings.demo_kafka_port,
        settings.demo_kafka_controller_port,
    )


def addresses(settings: LocalSettings, backends: Backends) -> dict[str, str]:
    """The environment in which our processes and commands find Kafka and MongoDB."""
    return {
        "FRONTLINE_KAFKA_SERVERS": backends.kafka_servers,
        "FRONTLINE_MONGO_URL": backends.mongo_url,
        "FRONTLINE_MONGO_DATABASE": settings.mongo_database,
    }


def plan_services(settings: LocalSettings, state: Path, backends: Backends) -> dict[str, Service]:
    """By name, in the order of their start; they drain in the opposite one, intake first."""
    environment = {**os.environ, **addresses(settings, backends)}
    ports = {
        "console": settings.demo_console_port,
        "departments": settings.demo_departments_port,
        "router": settings.demo_router_port,
        "classifier": settings.demo_classifier_port,
        "intake": settings.demo_intake_port,
    }
    return {
        name: Service(name, port, environment, log_file(state, name), HOST)
        for name, port in ports.items()
    }
