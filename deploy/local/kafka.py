"""Kafka's own broker as a child process: one KRaft node, broker and controller in one."""

import asyncio
import socket
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local.errors import CannotStart
from deploy.local.server import Server

HOST = "127.0.0.1"
LOGGING = Path(__file__).with_name("log4j2.properties")


class KafkaServer(Server):
    """A broker on loopback whose state is in `home`; a later start finds its topics again."""

    def __init__(
        self,
        home: Path,
        java: Path,
        class_path: str,
        log: Path,
        port: int = 29092,
        controller_port: int = 29093,
        heap_mb: int = 512,
    ) -> None:
        super().__init__("kafka", log)
        self._home = home
        self._java = java
        self._class_path = class_path
        self._port = port
        self._controller_port = controller_port
        self._heap_mb = heap_mb
        self.servers = f"{HOST}:{port}"

    def _prepare(self) -> list[str]:
        properties = self._write_properties()
        self._format_once(properties)
        return [*self._java_command(), "kafka.Kafka", properties]

    def _ready(self) -> bool:
        return answers(self._port)

    def _java_command(self) -> list[str]:
        return [
            str(self._java),
            f"-Xmx{self._heap_mb}m",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.net.preferIPv4Stack=true",
            f"-Dlog4j2.configurationFile={LOGGING}",
            "-cp",
            self._class_path,
        ]

    def _write_properties(self) -> str:
        self._home.mkdir(parents=True, exist_ok=True)
        properties = self._home / "server.properties"
        settings = self._settings()
        properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        return str(properties)

    def _settings(self) -> dict[str, str | int]:
        controller = f"{HOST}:{self._controller_port}"
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.servers},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.servers}",
            "log.dirs": str(self._home / "data"),
            "auto.create.topics.enable": "false",
            # one node: every internal topic has one replica
            "default.replication.factor": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 1,
            # a broker killed with SIGKILL is let in again when its last session has run out
            "broker.session.timeout.ms": 4000,
            "broker.heartbeat.interval.ms": 500,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            # small machine: few threads, small buffers, small index files
            "num.network.threads": 2,
            "num.io.threads": 4,
            "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
            "log.index.size.max.bytes": 1024 * 1024,
        }

    def _format_once(self, properties: str) -> None:
        if (self._home / "data" / "meta.properties").exists():
            return
        command = [*self._java_command(), "kafka.tools.StorageTool", "format"]
        cluster = ["--cluster-id", str(uuid.uuid4()), "--config", properties]
        answer = subprocess.run(
            [*command, *cluster], capture_output=True, text=True, timeout=60, check=False
        )
        if answer.returncode != 0:
            printed = (answer.stdout + answer.stderr).strip()
            raise CannotStart(f"Kafka could not format {self._home / 'data'}: {printed[-1500:]}")


def answers(port: int) -> bool:
    """Whether the broker on this port tells a client of itself."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    # own thread: the caller may be inside a running event loop
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, _has_brokers(f"{HOST}:{port}")).result()


async def _has_brokers(servers: str) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=5000)
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
    return bool(cluster["brokers"])
