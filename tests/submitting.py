"""Intake for tests: the whole of it on a real server, or its API on stores in memory."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.types import ASGIApp

from deploy.provision import ProvisionSettings, provision_topics
from schemas.departments import load_departments
from schemas.policy_areas import load_policy_areas
from schemas.topics import PROGRESSED, RECEIVED, ROUTED
from services.accounts.authentication import Authenticator
from services.accounts.issuing import issue_key
from services.accounts.key_store import KeyStore, MemoryKeyStore, MongoKeyStore
from services.accounts.keys import Role
from services.intake import receipt_store, tracking_store
from services.intake.acceptance import Acceptance
from services.intake.app import build_api, build_app, draw_id, draw_reference, now
from services.intake.memory_receipt_store import MemoryReceiptStore
from services.intake.publisher import Publisher
from services.intake.receipts import Receipts
from services.intake.routes import SubmissionRoutes, TrackingRoutes
from services.intake.settings import IntakeSettings
from services.intake.tracking_store import MemoryTrackingStore
from services.runtime.kafka import Record
from services.runtime.mongo import Database, connect
from services.runtime.process import Process
from tests.infra import free_port
from tests.waiting import until

OBSERVATION = {"kind": "observation", "text": "Three families wait nine weeks for a visit."}


async def issue(
    store: KeyStore, role: Role = "charity", subject: str = "org-1", name: str = "Advice Shed"
) -> str:
    """A new key, as its holder has it."""
    key = await issue_key(
        store,
        role,
        subject,
        name if role == "charity" else "",
        departments=load_departments(),
        random_bytes=secrets.token_bytes,
        now=datetime.now(UTC),
    )
    return key.text()


class _Server(uvicorn.Server):
    """Leaves signals to the test runner."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Intake:
    """A running intake: where it is, whose keys it knows, and what is behind it."""

    url: str
    database: Database
    process: Process
    settings: IntakeSettings
    key: str
    client: httpx.AsyncClient
    server: uvicorn.Server

    async def issue(self, role: Role, subject: str) -> str:
        """A key for somebody else."""
        return await issue(MongoKeyStore(self.database), role, subject)

    async def submit(self, body: Any = None, **headers: str) -> httpx.Response:
        """Submits one observation; headers by name with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/v1/feedback", json=body or OBSERVATION, headers=named)

    async def receipts(self) -> list[dict[str, Any]]:
        """Every receipt in the database."""
        return await self.database[receipt_store.COLLECTION].find().to_list(None)

    async def unpublished(self) -> int:
        """How many receipts wait in the outbox."""
        return sum(each["published_at"] is None for each in await self.receipts())


@asynccontextmanager
async def running_intake(
    kafka_servers: str,
    mongo_url: str,
    mongo_database: str,
    topic_prefix: str,
    *,
    topics: bool = True,
    **changes: Any,
) -> AsyncIterator[Intake]:
    """The whole service on a port of its own; drained at the end as by SIGTERM."""
    fields: dict[str, Any] = {
        "kafka_servers": kafka_servers,
        "mongo_url": SecretStr(mongo_url),
        "mongo_database": mongo_database,
        "topic_prefix": topic_prefix,
        "http_port": free_port(),
        "relay_seconds": 0.2,
        "relay_after_seconds": 2.0,
    }
    settings = IntakeSettings(**(fields | changes))
    if topics:
        provisioning = ProvisionSettings(kafka_servers=kafka_servers, topic_prefix=topic_prefix)
        await provision_topics(provisioning, [RECEIVED, ROUTED, PROGRESSED])
    client, database = connect(settings)
    for store in (receipt_store, tracking_store):
        await store.ensure_indexes(database, timedelta(days=90))
    key = await issue(MongoKeyStore(database))
    process = Process("intake", "test")
    async with served(build_app(settings, process), settings.http_port) as server:
        url = f"http://127.0.0.1:{settings.http_port}"
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
            yield Intake(url, database, process, settings, key, http, server)
        process.stopping.set()
    client.close()


@asynccontextmanager
async def served(app: ASGIApp, port: int) -> AsyncIterator[uvicorn.Server]:
    """An app on a real server in this event loop."""
    server = _Server(
        uvicorn.Config(
            app,
            port=port,
            log_config=None,
            access_log=False,
            http="httptools",
            timeout_graceful_shutdown=5,
        )
    )
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started or task.done(), "intake to start")
        yield server
    finally:
        server.should_exit = True
        await task


@dataclass
class MemoryIntake:
    """Intake's API on stores in memory; `published` is what Kafka would have got."""

    app: ASGIApp
    keys: MemoryKeyStore
    receipts: MemoryReceiptStore
    tracking: MemoryTrackingStore
    client: httpx.AsyncClient
    process: Process
    published: list[Record] = field(default_factory=list)


@asynccontextmanager
async def memory_intake(**changes: Any) -> AsyncIterator[MemoryIntake]:
    """The API without a server, for what neither Kafka nor MongoDB decides."""
    published: list[Record] = []

    async def publish(records: Sequence[Record]) -> None:
        published.extend(records)

    settings, process = IntakeSettings(**changes), Process("intake", "test")
    keys, receipts, tracking = MemoryKeyStore(), MemoryReceiptStore(), MemoryTrackingStore()
    publisher = Publisher(publish, receipts, RECEIVED.name, process.metrics)
    acceptance = Acceptance(
        Receipts(receipts, draw_reference),
        publisher,
        load_policy_areas(),
        load_departments(),
        now,
        draw_id,
        process.metrics,
    )
    authenticator = Authenticator(keys)

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        yield

    app = build_api(
        SubmissionRoutes(authenticator, acceptance, settings),
        TrackingRoutes(authenticator, receipts, tracking, load_departments()),
        process,
        running,
    )
    headers = {"authorization": f"Bearer {await issue(keys)}"}
    async with (
        publisher,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
            base_url="http://intake",
            headers=headers,
        ) as client,
    ):
        yield MemoryIntake(app, keys, receipts, tracking, client, process, published)
