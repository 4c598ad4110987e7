"""Provisioning makes every topic and index once, and a second time changes nothing."""

from dataclasses import replace
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import SecretStr
from pymongo import AsyncMongoClient
from structlog.testing import capture_logs

from deploy.provision import ProvisionSettings, provision, provision_topics
from schemas.topics import RECEIVED, TOPICS
from services.routing.decision_store import COLLECTION


@pytest.fixture
def settings(
    kafka_servers: str, topic_prefix: str, mongo_url: str, mongo_database: str
) -> ProvisionSettings:
    return ProvisionSettings(
        kafka_servers=kafka_servers,
        topic_prefix=topic_prefix,
        mongo_url=SecretStr(mongo_url),
        mongo_database=mongo_database,
    )


async def test_every_topic_is_made_once(settings: ProvisionSettings, topic_prefix: str) -> None:
    wanted = {topic_prefix + topic.name: topic.partitions for topic in TOPICS}
    assert set(await provision_topics(settings, TOPICS)) == set(wanted)
    assert await provision_topics(settings, TOPICS) == []
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_servers)
    await admin.start()
    there = await admin.describe_topics(list(wanted))
    await admin.close()
    assert {one["topic"]: len(one["partitions"]) for one in there} == wanted


async def test_a_topic_with_other_partitions_is_reported_and_left(
    settings: ProvisionSettings, topic_prefix: str
) -> None:
    await provision_topics(settings, [replace(RECEIVED, partitions=1)])
    with capture_logs() as logs:
        await provision_topics(settings, [RECEIVED])
    differing = [one for one in logs if one["event"] == "topic differs"]
    assert [(one["topic"], one["partitions"]) for one in differing] == [
        (topic_prefix + RECEIVED.name, 1)
    ]


async def test_indexes_are_there_after_a_first_and_a_second_time(
    settings: ProvisionSettings, mongo_url: str, mongo_database: str
) -> None:
    await provision(settings)
    await provision(settings)
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_url)
    async with client:
        indexes = await client[mongo_database][COLLECTION].index_information()
    assert "decided_at_1" in indexes
