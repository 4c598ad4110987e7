"""Prints the table of performance goals: `make bench`, or `python -m tests.benchmarks P1 P3`."""

import asyncio
import logging
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop
from pydantic import SecretStr

from services.runtime.mongo import connect
from services.runtime.process import collect_garbage_seldom
from services.runtime.settings import MongoSettings
from tests import infra
from tests.benchmarks import (
    consume,
    driver,
    hops,
    publish,
    queues,
    read,
    route,
    status,
    submit,
    verify,
)
from tests.benchmarks.compare import Row, print_rows
from tests.delivery import Topic
from tests.pipeline import SERVICES, Pipeline
from tests.routing import Road


class Bench:
    """The benchmarks by the numbers of their goals, on one Kafka and one MongoDB."""

    def __init__(self, servers: str, mongo_url: str, folder: Path) -> None:
        self._servers = servers
        self._mongo_url = mongo_url
        self._folder = folder
        settings = MongoSettings(mongo_url=SecretStr(mongo_url), mongo_timeout_seconds=30)
        self._client, self._database = connect(settings)

    async def run(self, wanted: Sequence[str]) -> list[Row]:
        """Runs those asked for, or all."""
        rows = []
        benchmarks = {
            "P1": self._consume,
            "P2": self._publish,
            "P3": self._route,
            "P5": self._submit,
            "P7": self._queues,
            "P11": self._read,
            "P12": self._latency,
            "D1": self._driver,
            "O1": self._status,
            "O2": self._watched,
            "O3": self._verified,
            "T1": self._consume_hops,
            "T3": self._route_hops,
        }
        for name in wanted or benchmarks:
            print(f"measuring {name} …", flush=True)
            rows += await benchmarks[name]()
        self._client.close()
        return rows

    async def _consume(self) -> list[Row]:
        return [await consume.measure(await self._topic())]

    async def _publish(self) -> list[Row]:
        return await publish.measure(await self._topic())

    async def _route(self) -> list[Row]:
        road = Road(self._servers, _prefix(), self._database)
        await road.create()
        return await route.measure(road, self._client)

    async def _submit(self) -> list[Row]:
        async with self._pipeline(["intake"]) as pipeline:
            return await submit.measure_submissions(pipeline)

    async def _queues(self) -> list[Row]:
        return await queues.measure(self._client)

    async def _latency(self) -> list[Row]:
        async with self._pipeline() as pipeline:
            return await submit.measure_latency(pipeline)

    async def _read(self) -> list[Row]:
        return await asyncio.to_thread(read.measure)

    async def _verified(self) -> list[Row]:
        return await verify.measure(self._servers, self._mongo_url)

    async def _driver(self) -> list[Row]:
        return [await driver.measure(self._mongo_url, self._client)]

    async def _consume_hops(self) -> list[Row]:
        return [await hops.measure_consume(await self._topic(), self._client)]

    async def _route_hops(self) -> list[Row]:
        road = Road(self._servers, _prefix(), self._database)
        await road.create()
        return [await hops.measure_router(road, self._client)]

    async def _status(self) -> list[Row]:
        async with self._pipeline(services=()) as pipeline:
            return await status.measure_answers(pipeline)

    async def _watched(self) -> list[Row]:
        async with self._pipeline(fast_alone=True) as pipeline:
            return await status.measure_cost(pipeline)

    async def _topic(self) -> Topic:
        topic = Topic(self._servers, _prefix())
        await topic.create()
        return topic

    def _pipeline(self, services: Sequence[str] = SERVICES, **settings: Any) -> Pipeline:
        limits: dict[str, Any] = {"rate_items_per_second": 1e9, "rate_burst_items": 10**9}
        return Pipeline(
            self._servers,
            self._mongo_url,
            self._folder,
            services=services,
            **limits,
            **settings,
        )


def _prefix() -> str:
    return f"b{uuid.uuid4().hex[:8]}."


def main() -> None:
    """Starts the servers, measures what is asked for, prints the table."""
    collect_garbage_seldom()  # as every service does; both sides of a ratio have it
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            infra.kafka(folder / "kafka", print) as (servers, _),
            infra.mongo(folder / "mongo", print) as (mongo_url, _),
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            logging.disable(logging.INFO)
            rows = runner.run(Bench(servers, mongo_url, folder).run(sys.argv[1:]))
    print_rows(rows)


if __name__ == "__main__":
    main()
