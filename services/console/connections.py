"""What operations work with: Kafka, MongoDB and the clock; nothing is connected before its use."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from services.console.settings import ConsoleSettings
from services.runtime.browse import Browser
from services.runtime.kafka import Producer
from services.runtime.metrics import Metrics
from services.runtime.mongo import Client, Database, connect


@dataclass(frozen=True, slots=True)
class Connections:
    """Every operation's first argument."""

    settings: ConsoleSettings
    client: Client
    database: Database
    browser: Browser
    producer: Producer
    clock: Callable[[], datetime]


@asynccontextmanager
async def open_connections(
    settings: ConsoleSettings, metrics: Metrics
) -> AsyncIterator[Connections]:
    """Connections for as long as the context lasts; opens while Kafka and MongoDB are away, too."""
    client, database = connect(settings)
    try:
        async with (
            Browser(settings) as browser,
            Producer(settings, "console", metrics) as producer,
        ):
            yield Connections(settings, client, database, browser, producer, _now)
    finally:
        client.close()


def _now() -> datetime:
    return datetime.now(UTC)
