"""Prints the table of performance goals: `make bench`, or `python -m tests.benchmarks P1 P3`."""

import asyncio
import sys
import tempfile
import uuid
from pathlib import Path

import uvloop

from tests import infra
from tests.benchmarks import consume, publish
from tests.benchmarks.compare import Row, print_rows
from tests.delivery import Topic


async def _topic(servers: str) -> Topic:
    topic = Topic(servers, f"b{uuid.uuid4().hex[:8]}.")
    await topic.create()
    return topic


async def _measure(wanted: set[str], servers: str, mongo_url: str, folder: Path) -> list[Row]:
    benchmarks = {
        "P1": lambda topic: consume.measure(topic),
        "P2": lambda topic: publish.measure(topic),
    }
    rows = []
    for name, measure in benchmarks.items():
        if not wanted or name in wanted:
            print(f"measuring {name} …", flush=True)
            rows.append(await measure(await _topic(servers)))
    return rows


def main() -> None:
    """Starts the servers, measures what is asked for, prints the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            infra.kafka(folder / "kafka", print) as (servers, _),
            infra.mongo(folder / "mongo", print) as (mongo_url, _),
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            rows = runner.run(_measure(set(sys.argv[1:]), servers, mongo_url, folder))
    print_rows(rows)


if __name__ == "__main__":
    main()
