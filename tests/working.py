"""The departments service for tests: the whole of it on a real server, with queues to work."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import uvicorn
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr
from starlette.types import ASGIApp

from deploy.provision import ProvisionSettings, provision_topics
from schemas.codec import encode
from schemas.departments import load_departments
from schemas.envelope import FeedbackRouted
from schemas.feedback import Feedback, Marking
from schemas.routing import ChosenDepartment, Role, RoutedFeedback
from schemas.tagging import AreaCandidate
from schemas.topics import PROGRESSED, ROUTED
from services.accounts.issuing import issue_key
from services.accounts.key_store import MongoKeyStore
from services.departments import stream_store
from services.departments.app import build_app
from services.departments.settings import DepartmentsSettings
from services.queues import mongo_store
from services.queues.mongo_store import MongoQueueStore
from services.queues.store import NewItem
from services.runtime.mongo import Database, connect
from services.runtime.process import Process
from tests.builders import feedback
from tests.infra import free_port
from tests.waiting import until

HOUSING = "ministry-of-housing-communities-local-government"
CODES = {each.slug: each.code for each in load_departments().departments}


@dataclass
class Departments:
    """A running departments service: where it is, and what is behind it."""

    url: str
    database: Database
    process: Process
    settings: DepartmentsSettings
    queues: MongoQueueStore
    clients: AsyncExitStack

    async def client(self, subject: str, role: Any = "department") -> httpx.AsyncClient:
        """A client with a key of its own."""
        key = await issue_key(
            MongoKeyStore(self.database),
            role,
            subject,
            "Advice Shed" if role == "charity" else "",
            departments=load_departments(),
            random_bytes=secrets.token_bytes,
            now=datetime.now(UTC),
        )
        headers = {"authorization": f"Bearer {key.text()}"}
        client = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)
        return await self.clients.enter_async_context(client)

    async def fill(self, numbers: Iterable[int], department: str, **changes: Any) -> None:
        """Puts feedbacks on a department's queue, by its code."""
        feedbacks = [feedback(number, **changes) for number in numbers]
        await self.queues.enqueue(
            feedbacks,
            [
                NewItem(each.id, department, Role.LEAD, ("housing",), "About housing.", "rule", 1)
                for each in feedbacks
            ],
        )

    async def publish(self, events: Iterable[FeedbackRouted]) -> None:
        """Publishes routed events as the router does."""
        await publish(self.settings.kafka_servers, self.topic(ROUTED.name), events)

    def topic(self, name: str) -> str:
        """A topic's name with the prefix."""
        return self.settings.topic_prefix + name


async def publish(servers: str, topic: str, events: Iterable[FeedbackRouted | bytes]) -> None:
    """Writes events keyed by feedback id, or bytes as they are."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all")
    await producer.start()
    try:
        sent = []
        for each in events:
            if isinstance(each, bytes):
                sent.append(await producer.send(topic, each, b"key"))
            else:
                sent.append(await producer.send(topic, encode(each), each.subject.encode()))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def routed(
    number: int, *areas: str, departments: tuple[str, ...] = ("MHCLG",), **changes: Any
) -> FeedbackRouted:
    """The event of the n-th feedback, routed."""
    said: Feedback = feedback(number, **changes)
    data = RoutedFeedback(
        feedback_id=said.id,
        reference=said.reference,
        organisation_id=said.organisation.id,
        kind=said.kind,
        language=said.language,
        marking=said.marking,
        received_at=said.received_at,
        areas=tuple(AreaCandidate(area=area, probability=0.9) for area in areas or ("housing",)),
        departments=tuple(
            ChosenDepartment(department=code, role=Role.LEAD, rule="rule", because="Because.")
            for code in departments
        ),
        rule_version="1",
        model_version="1",
    )
    return FeedbackRouted.of(
        data, feedback_id=said.id, marking=said.marking or Marking.RESTRICTED, time=said.received_at
    )


@asynccontextmanager
async def running_departments(
    kafka_servers: str,
    mongo_url: str,
    mongo_database: str,
    topic_prefix: str,
    *,
    topics: bool = True,
    **changes: Any,
) -> AsyncIterator[Departments]:
    """The whole service on a port of its own; drained at the end as by SIGTERM."""
    fields: dict[str, Any] = {
        "kafka_servers": kafka_servers,
        "mongo_url": SecretStr(mongo_url),
        "mongo_database": mongo_database,
        "topic_prefix": topic_prefix,
        "http_port": free_port(),
        "queue_poll_seconds": 0.05,
        "stream_poll_seconds": 0.05,
        "progress_poll_seconds": 0.2,
    }
    settings = DepartmentsSettings(**(fields | changes))
    if topics:
        provisioning = ProvisionSettings(kafka_servers=kafka_servers, topic_prefix=topic_prefix)
        await provision_topics(provisioning, [ROUTED, ROUTED.dead_letters(), PROGRESSED])
    client, database = connect(settings)
    await mongo_store.ensure_indexes(database, timedelta(days=90))
    await stream_store.ensure_indexes(database, timedelta(days=30))
    process = Process("departments", "test")
    async with served(build_app(settings, process), settings.http_port):
        await until(lambda: process.health.readiness()[0], "the service to be ready")
        url = f"http://127.0.0.1:{settings.http_port}"
        queues = MongoQueueStore(database)
        async with AsyncExitStack() as clients:
            yield Departments(url, database, process, settings, queues, clients)
        process.stopping.set()
    client.close()


class _Server(uvicorn.Server):
    """Leaves signals to the test runner."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(app: ASGIApp, port: int) -> AsyncIterator[None]:
    """An app on a real server in this event loop."""
    options: dict[str, Any] = {"log_config": None, "access_log": False, "http": "httptools"}
    server = _Server(uvicorn.Config(app, port=port, timeout_graceful_shutdown=5, **options))
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started or task.done(), "the service to start")
        yield
    finally:
        server.should_exit = True
        await task
