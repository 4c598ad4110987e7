"""A client that missed ten thousand events gets each of them once."""

import json
from dataclasses import replace
from datetime import timedelta

from schemas.codec import encode
from services.departments.stream_log import Entry, locate, read_entry, write_cursor
from services.departments.stream_store import MongoStreamLog
from tests.streaming import Reader
from tests.waiting import until
from tests.working import routed, running_departments

MISSED = 10_000
PAGE = 500
PARTITIONS = 6


def entry(number: int) -> Entry:
    one = read_entry(encode(routed(0)))
    event = json.dumps(json.loads(one.event) | {"id": f"missed-{number}"})
    named = replace(one, event_id=f"missed-{number}", event=event)
    return locate(named, number % PARTITIONS, number // PARTITIONS)


async def test_ten_thousand_missed_events_come_once_each(
    kafka_servers: str, mongo_url: str, mongo_database: str, topic_prefix: str
) -> None:
    async with running_departments(
        kafka_servers, mongo_url, mongo_database, topic_prefix
    ) as service:
        log = MongoStreamLog(service.database, timedelta(days=30))
        for first in range(0, MISSED, PAGE):
            await log.append([entry(number) for number in range(first, first + PAGE)])
        client = await service.client("DWP")
        async with Reader(client, cursor=write_cursor({})) as reader:
            await until(lambda: len(reader.got) >= MISSED, "every event", 60)
    ids = [json.loads(frame.data)["id"] for frame in reader.got]
    assert sorted(ids) == sorted(f"missed-{number}" for number in range(MISSED))
