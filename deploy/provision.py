"""Makes what services expect to find: topics in Kafka, indexes in MongoDB. Safe to repeat.

`python -m deploy.provision`, with the settings that services read. What is there is left as it is;
a topic that differs from `schemas.topics` is reported, because changing its partitions would break
the order of keys.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, NodeNotReadyError, TopicAlreadyExistsError, for_code
from pydantic import Field

from schemas.topics import TOPICS, Topic
from services.deadletters import dead_letter_store, redrive_store
from services.departments import stream_store
from services.departments.settings import STREAM_RETENTION_DAYS
from services.queues import mongo_store
from services.receipts import receipt_store
from services.routing import decision_store
from services.runtime.errors import Unavailable
from services.runtime.kafka import connection_options
from services.runtime.logs import configure_logs
from services.runtime.mongo import Database, UnsafeDatabase, check_safety, connect
from services.runtime.process import service_version
from services.runtime.settings import KafkaSettings, MongoSettings, ProcessSettings, read_settings
from services.stages import report_store
from services.tracing import hop_store

# a record may wait out its retention in its topic and once more, redriven, among the dead letters:
# what recognises it as a repeat stays longer than both
KEPT = 3 * max(topic.retention for topic in TOPICS)

EnsureIndexes = Callable[[Database], Awaitable[None]]
STORES: tuple[EnsureIndexes, ...] = (
    receipt_store.ensure_indexes,
    partial(decision_store.ensure_indexes, keep=KEPT),
    partial(mongo_store.ensure_indexes, keep=KEPT),
    partial(hop_store.ensure_indexes, keep=KEPT),
    report_store.ensure_indexes,
    partial(dead_letter_store.ensure_indexes, keep=KEPT),
    redrive_store.ensure_indexes,
)

_LISTED_SECONDS = 30.0

log = structlog.get_logger(__name__)


class ProvisionSettings(ProcessSettings, KafkaSettings, MongoSettings):
    """Kafka's, MongoDB's, how often a record is kept, and how long the log of streams is."""

    kafka_replication: int = Field(
        1, ge=1, le=9, description="replicas of each topic; 3 survive the loss of a machine"
    )
    mongo_timeout_seconds: float = Field(
        60.0, gt=0, description="deadline of one operation: an index may have much to read"
    )
    stream_retention_days: float = Field(
        STREAM_RETENTION_DAYS, gt=0, le=3_650, description="how far back a stream can resume"
    )


async def provision(settings: ProvisionSettings) -> None:
    """Makes missing topics and indexes.

    Raises `KafkaError`, `Unavailable` when a server does not answer, `UnsafeDatabase`.
    """
    await provision_topics(settings, TOPICS)
    retention = timedelta(days=settings.stream_retention_days)
    streams = partial(stream_store.ensure_indexes, retention=retention)
    await provision_indexes(settings, (*STORES, streams))


async def provision_topics(settings: ProvisionSettings, topics: Sequence[Topic]) -> list[str]:
    """Makes the topics that are missing; returns their names, prefix included."""
    admin = await connect_admin(connection_options(settings))
    try:
        there = set(await admin.list_topics())
        wanted = {settings.topic_prefix + topic.name: topic for topic in topics}
        missing = [name for name in wanted if name not in there]
        if missing:
            made = [_new_topic(name, wanted[name], settings.kafka_replication) for name in missing]
            _check(await admin.create_topics(made))
            await _wait_until_listed(admin, missing)
        kept = [name for name in wanted if name in there]
        for description in await admin.describe_topics(kept) if kept else ():
            _report_difference(description, wanted[description["topic"]])
    finally:
        await admin.close()
    log.info("topics are there", action="provision_topics", made=missing, kept=len(kept))
    return missing


async def connect_admin(options: dict[str, Any]) -> AIOKafkaAdminClient:
    """A client of a cluster that has brokers and a controller, which make topics.

    It has none for a moment when its broker has just started, or was held up on a busy machine; a
    client that met it so never learns of them. Raises `KafkaError` when nobody answers at all, and
    `TimeoutError` when none comes in time.
    """
    async with asyncio.timeout(_LISTED_SECONDS):
        while True:
            admin = AIOKafkaAdminClient(**options)
            try:
                await admin.start()
                cluster = await admin.describe_cluster()
            except NodeNotReadyError:
                cluster = {"brokers": []}
            except BaseException:
                await admin.close()
                raise
            if cluster["brokers"] and cluster["controller_id"] >= 0:
                return admin
            await admin.close()
            await asyncio.sleep(0.2)


def _new_topic(name: str, topic: Topic, replicas: int) -> NewTopic:
    return NewTopic(
        name,
        num_partitions=topic.partitions,
        replication_factor=replicas,
        topic_configs={
            "cleanup.policy": "delete",
            "retention.ms": str(int(topic.retention.total_seconds() * 1000)),
            "max.message.bytes": str(topic.max_record_bytes),
            # one replica may be away without stopping writes, and a confirmed record is on two
            "min.insync.replicas": str(max(1, replicas - 1)),
        },
    )


def _check(answer: object) -> None:
    """Raises on a topic that could not be made; one that somebody else just made is fine."""
    for name, code, *message in answer.topic_errors:  # type: ignore[attr-defined]
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"topic {name}: {message[0] if message else code}")


async def _wait_until_listed(admin: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    """The controller answers before the brokers know; who starts next must find the topics."""
    async with asyncio.timeout(_LISTED_SECONDS):
        while set(names) - set(await admin.list_topics()):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.1)


def _report_difference(description: dict[str, object], topic: Topic) -> None:
    partitions = description["partitions"]
    if isinstance(partitions, list) and len(partitions) != topic.partitions:
        log.warning(
            "topic differs",
            action="provision_topics",
            topic=description["topic"],
            partitions=len(partitions),
            wanted=topic.partitions,
        )


async def provision_indexes(settings: ProvisionSettings, stores: Sequence[EnsureIndexes]) -> None:
    """Lets each store make its indexes."""
    client, database = connect(settings)
    try:
        await check_safety(client, settings.mode)
        for ensure_indexes in stores:
            await ensure_indexes(database)
    finally:
        client.close()
    log.info("indexes are there", action="provision_indexes", stores=len(stores))


def main() -> None:
    """Provisions once; exits with 1 and one line when a server does not answer."""
    settings = read_settings(ProvisionSettings)
    configure_logs("provision", settings.log_level, settings.log_format, service_version())
    try:
        asyncio.run(provision(settings))
    except (KafkaError, OSError) as error:  # a time-out is an OSError
        raise SystemExit(
            f"provision: Kafka at FRONTLINE_KAFKA_SERVERS={settings.kafka_servers} did not do it:"
            f" {error}"
        ) from error
    except (Unavailable, UnsafeDatabase) as error:
        raise SystemExit(f"provision: MongoDB at FRONTLINE_MONGO_URL: {error}") from error


if __name__ == "__main__":
    main()
