"""Streams of two processes that share the partitions, and of one that stops."""

import asyncio
from contextlib import AsyncExitStack

from tests.streaming import Reader
from tests.working import routed, running_departments


async def test_every_process_streams_what_any_has_logged_and_resumes_the_others_clients(
    kafka_servers: str, mongo_url: str, mongo_database: str, topic_prefix: str
) -> None:
    address = (kafka_servers, mongo_url, mongo_database, topic_prefix)
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(running_departments(*address))
        second = await stack.enter_async_context(running_departments(*address, topics=False))
        one, two = await first.client("DWP"), await second.client("DWP")
        async with Reader(one) as at_first, Reader(two) as at_second:
            await first.publish([routed(number) for number in range(60)])
            await at_first.until_subjects(*range(60))
            await at_second.until_subjects(*range(60))
        await first.publish([routed(number) for number in range(60, 90)])
        async with Reader(two, cursor=at_first.cursor) as moved:
            await moved.until_subjects(*range(60, 90))
            assert len(moved.subjects) == 30


async def test_a_stopping_process_ends_streams_and_long_polls_by_itself(
    kafka_servers: str, mongo_url: str, mongo_database: str, topic_prefix: str
) -> None:
    async with running_departments(
        kafka_servers, mongo_url, mongo_database, topic_prefix
    ) as service:
        client = await service.client("MHCLG")
        path = "/v1/departments/ministry-of-housing-communities-local-government/queue/receive"
        async with Reader(client) as reader:
            poll = asyncio.create_task(client.post(path, json={"wait_seconds": 20}))
            await asyncio.sleep(0.3)
            service.process.stopping.set()
            await asyncio.wait_for(reader.ended.wait(), 5)
            answer = await asyncio.wait_for(poll, 5)
        assert answer.json() == {"items": []}
