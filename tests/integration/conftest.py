"""Topics and a router of its own for each test of the delivery guarantees."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from services.runtime.mongo import connect
from services.runtime.settings import MongoSettings
from tests.delivery import Topic
from tests.routing import Road


@pytest.fixture
async def topic(kafka_servers: str, topic_prefix: str) -> Topic:
    made = Topic(kafka_servers, topic_prefix)
    await made.create()
    return made


@pytest.fixture
async def road(
    kafka_servers: str, topic_prefix: str, mongo_url: str, mongo_database: str
) -> AsyncIterator[Road]:
    settings = MongoSettings(mongo_url=SecretStr(mongo_url), mongo_database=mongo_database)
    client, database = connect(settings)
    made = Road(kafka_servers, topic_prefix, database)
    await made.create()
    yield made
    client.close()
