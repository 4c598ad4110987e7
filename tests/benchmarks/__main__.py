"""Prints the table of performance goals: `make bench`, or `python -m tests.benchmarks P1 P3`."""

import asyncio
import logging
import sys
import tempfile
import uuid
from pathlib import Path

import uvloop
from pydantic import SecretStr

from services.runtime.mongo import connect
from services.runtime.process import collect_garbage_seldom
from services.runtime.settings import MongoSettings
from tests import infra
from tests.benchmarks import consume, driver, publish, route
from tests.benchmarks.compare import Row, print_rows
from tests.delivery import Topic
from tests.routing import Road


async def _topic(servers: str) -> Topic:
    topic = Topic(servers, f"b{uuid.uuid4().hex[:8]}.")
    await topic.create()
    return topic


async def _measure(wanted: set[str], servers: str, mongo_url: str) -> list[Row]:
    settings = MongoSettings(mongo_url=SecretStr(mongo_url), mongo_timeout_seconds=30)
    client, database = connect(settings)

    async def road() -> Road:
        made = Road(servers, f"b{uuid.uuid4().hex[:8]}.", database)
        await made.create()
        return made

    async def p1() -> Row:
        return await consume.measure(await _topic(servers))

    async def p2() -> Row:
        return await publish.measure(await _topic(servers))

    async def p3() -> Row:
        return await route.measure(await road(), client)

    async def d1() -> Row:
        return await driver.measure(mongo_url, client)

    rows = []
    for name, measure in {"P1": p1, "P2": p2, "P3": p3, "D1": d1}.items():
        if not wanted or name in wanted:
            print(f"measuring {name} …", flush=True)
            rows.append(await measure())
    client.close()
    return rows


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
            rows = runner.run(_measure(set(sys.argv[1:]), servers, mongo_url))
    print_rows(rows)


if __name__ == "__main__":
    main()
