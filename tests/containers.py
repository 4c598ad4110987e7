"""Kafka and MongoDB from testcontainers, for machines that have Docker and no embedded server."""

from collections.abc import Callable

from testcontainers.community.kafka import KafkaContainer
from testcontainers.core.container import DockerContainer

from deploy.local.kafka import answers
from deploy.local.mongo import HOST, REPLICA_SET, is_primary
from deploy.local.waiting import wait_until
from tests.infra import InfrastructureMissing

KAFKA_IMAGE = "confluentinc/cp-kafka:8.0.0"
MONGO_IMAGE = "mongo:8.0"
START_SECONDS = 120


class FixedPortContainer:
    """A container on a fixed port of this machine, so that a second start has the same address."""

    def __init__(self, container: DockerContainer, is_ready: Callable[[], bool]) -> None:
        self._container = container
        self._is_ready = is_ready
        self._created = False

    def start(self) -> None:
        if self._created:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._created = True
        if not wait_until(self._is_ready, START_SECONDS, 0.5):
            raise InfrastructureMissing(
                f"{self._container.image} is not ready after {START_SECONDS} s"
            )

    def stop(self) -> None:
        self._container.get_wrapped_container().stop(timeout=20)

    def pause(self) -> None:
        self._container.get_wrapped_container().pause()

    def resume(self) -> None:
        container = self._container.get_wrapped_container()
        container.reload()
        if container.status == "paused":
            container.unpause()

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def close(self) -> None:
        self._container.stop()


class KafkaInContainer(FixedPortContainer):
    """A KRaft broker that answers at `servers`."""

    def __init__(self, port: int) -> None:
        container = KafkaContainer(KAFKA_IMAGE).with_kraft()
        container.with_bind_ports(container.port, port)
        container.with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
        container.with_env("KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS", "1000")
        super().__init__(container, lambda: answers(port))
        self.servers = f"{HOST}:{port}"


class MongoInContainer(FixedPortContainer):
    """A replica set of one that answers at `url`; the same port inside and outside, because a
    member must be reachable by its name from both.
    """

    def __init__(self, port: int) -> None:
        command = f"mongod --replSet {REPLICA_SET} --bind_ip_all --port {port}"
        container = DockerContainer(MONGO_IMAGE).with_command(command).with_bind_ports(port, port)
        super().__init__(container, lambda: is_primary(port))
        self.url = f"mongodb://{HOST}:{port}/?replicaSet={REPLICA_SET}"
