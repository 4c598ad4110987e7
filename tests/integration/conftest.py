"""A topic of its own for each test of the delivery guarantees."""

import pytest

from tests.delivery import Topic


@pytest.fixture
async def topic(kafka_servers: str, topic_prefix: str) -> Topic:
    made = Topic(kafka_servers, topic_prefix)
    await made.create()
    return made
