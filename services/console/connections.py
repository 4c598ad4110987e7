"""What operations work with: Kafka, MongoDB and the clock; nothing is connected before its use."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from services.console.settings import ConsoleSettings
from services.runtime.browse import Browser
from services.runtime.kafka import Producer
from services.runtime.metrics import Metrics
from services.runtime.mongo import Client, Database, connect, server_time


@dataclass(frozen=True, slots=True)
class Connections:
    """Every operation's first argument."""

    settings: ConsoleSettings
    client: Client
    database: Database
    browser: Browser
    producer: Producer
    clock: Callable[[], datetime]


def connections(settings: ConsoleSettings, metrics: Metrics) -> Connections:
    """Connections that nobody has used yet; safe to make while Kafka and MongoDB are away."""
    client, database = connect(settings)
    producer = Producer(settings, "console", metrics)
    return Connections(settings, client, database, Browser(settings), producer, _now)


@asynccontextmanager
async def open_connections(
    settings: ConsoleSettings, metrics: Metrics
) -> AsyncIterator[Connections]:
    """Connections that are closed when the context ends."""
    opened = connections(settings, metrics)
    try:
        async with opened.browser, opened.producer:
            yield opened
    finally:
        opened.client.close()


async def by_server_time(connections: Connections) -> Connections:
    """The same with a clock that goes as MongoDB's, for what judges leases, reports and ages: the
    clock of an operator's machine may be wrong. Raises `Unavailable`.
    """
    own = connections.clock
    ahead = await server_time(connections.database) - own()
    return replace(connections, clock=lambda: own() + ahead)


def _now() -> datetime:
    return datetime.now(UTC)
