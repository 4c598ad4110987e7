"""Intake for tests: a process on real servers, or its API on stores in memory."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer
from fastapi import FastAPI
from starlette.types import ASGIApp

from schemas.codec import decode
from schemas.departments import load_departments
from schemas.envelope import FeedbackReceived
from schemas.policy_areas import load_policy_areas
from schemas.topics import RECEIVED
from services.accounts.authentication import Authenticator
from services.accounts.issuing import issue_key
from services.accounts.key_store import KeyStore, MemoryKeyStore
from services.accounts.keys import Role
from services.intake.acceptance import Acceptance
from services.intake.app import build_api, draw_id, draw_reference, now
from services.intake.publisher import Publisher
from services.intake.receipts import Receipts
from services.intake.routes import SubmissionRoutes, TrackingRoutes
from services.intake.settings import IntakeSettings
from services.intake.tracking_store import MemoryTrackingStore
from services.receipts import receipt_store
from services.receipts.memory_receipt_store import MemoryReceiptStore
from services.runtime.kafka import Record
from services.runtime.process import Process
from tests.pipeline import Pipeline, Service
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


class IntakeProcess:
    """Intake alone as a child process: what a test of outages stops and starts around it."""

    def __init__(self, pipeline: Pipeline, client: httpx.AsyncClient) -> None:
        self.pipeline = pipeline
        self.client = client

    @property
    def service(self) -> Service:
        """The process, to stop and start."""
        return self.pipeline.services["intake"]

    async def submit(self, body: Any = None, **headers: str) -> httpx.Response:
        """Submits one observation; headers by name with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/v1/feedback", json=body or OBSERVATION, headers=named)

    async def receipts(self) -> list[dict[str, Any]]:
        """Every receipt in the database."""
        return await self.pipeline.database[receipt_store.COLLECTION].find().to_list(None)

    async def unpublished(self) -> int:
        """How many receipts wait in the outbox."""
        return sum(each["published_at"] is None for each in await self.receipts())

    async def published(self, count: int) -> list[FeedbackReceived]:
        """Reads the topic until `count` different feedbacks are there; repeats included."""
        consumer = AIOKafkaConsumer(
            self.pipeline.topic_prefix + RECEIVED.name,
            bootstrap_servers=self.pipeline.kafka_servers,
            auto_offset_reset="earliest",
        )
        events: list[FeedbackReceived] = []

        async def read() -> bool:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                events.extend(decode(each.value, FeedbackReceived) for each in records)
            return len({each.subject for each in events}) >= count

        async with consumer:
            await until(read, f"{count} feedbacks on the topic", 60)
        return events


@asynccontextmanager
async def intake_process(
    kafka_servers: str, mongo_url: str, folder: Path, **settings: Any
) -> AsyncIterator[IntakeProcess]:
    """Starts it; at the end both servers have to be there again."""
    quick = {"relay_seconds": 0.2, "relay_after_seconds": 2.0}
    async with (
        Pipeline(
            kafka_servers, mongo_url, folder, services=("intake",), **(quick | settings)
        ) as pipeline,
        pipeline.http("intake", pipeline.charity_key) as client,
    ):
        yield IntakeProcess(pipeline, client)


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
