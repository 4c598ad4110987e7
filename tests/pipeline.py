"""The whole pipeline as processes on a real Kafka and MongoDB, for end-to-end tests and figures."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import uuid
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from deploy.provision import ProvisionSettings, provision
from schemas.departments import load_departments
from services.accounts.issuing import issue_key
from services.accounts.key_store import MongoKeyStore
from services.runtime.mongo import Client, Database, connect
from tests.infra import free_port
from tests.waiting import until

ROOT = Path(__file__).parents[1]
SERVICES = ("intake", "classifier", "router", "departments")


class Service:
    """One service as a child process, with its log in a file."""

    def __init__(self, name: str, environment: dict[str, str], log: Path) -> None:
        self.name = name
        self.port = free_port()
        self.log = log
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def set(self, **settings: Any) -> None:
        """Changes settings for the next start; `None` takes one back."""
        for key, value in settings.items():
            name = f"FRONTLINE_{key.upper()}"
            if value is None:
                self._environment.pop(name, None)
            else:
                self._environment[name] = str(value)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"services.{self.name}"],
                cwd=ROOT,
                env=os.environ
                | self._environment
                | {"FRONTLINE_HTTP_PORT": str(self.port), "FRONTLINE_LOG_FORMAT": "json"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """As `kill -9` does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def wait(self, seconds: float = 15.0) -> int:
        """Waits until it has ended by itself; returns the exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    def stop(self, seconds: float = 15.0) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def ready(self, seconds: float = 30.0) -> None:
        async with httpx.AsyncClient() as client:

            async def answers() -> bool:
                assert self.runs(), f"{self.name} ended:\n{self.tail()}"
                with suppress(httpx.TransportError):
                    return (await client.get(f"{self.url}/health/ready")).status_code == 200
                return False

            await until(answers, f"{self.name} to be ready", seconds)

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def logged(self, *levels: str) -> list[dict[str, Any]]:
        """The log's events of these levels."""
        events = []
        for line in self.log.read_text(errors="replace").splitlines():
            with suppress(json.JSONDecodeError):
                event = json.loads(line)
                if event.get("level") in levels:
                    events.append(event)
        return events

    def faults(self) -> list[dict[str, Any]]:
        """What the log calls critical, and the errors of our own code: a library's errors during an
        outage are no faults of the service.
        """
        return [
            event
            for event in self.logged("critical", "error")
            if event["level"] == "critical" or event.get("logger", "").startswith("services.")
        ]


class Pipeline:
    """Every service, provisioned, with keys; an async context manager.

    Its end fails when a service logged a fault whose `action` is not among `expected_errors`.
    """

    def __init__(
        self,
        kafka_servers: str,
        mongo_url: str,
        folder: Path,
        *,
        services: Sequence[str] = SERVICES,
        expected_errors: Collection[str] = (),
        **settings: Any,
    ) -> None:
        name = uuid.uuid4().hex[:8]
        self.kafka_servers = kafka_servers
        self.topic_prefix = f"p{name}."
        self.database_name = f"test_{name}"
        self.environment = {
            "FRONTLINE_KAFKA_SERVERS": kafka_servers,
            "FRONTLINE_MONGO_URL": mongo_url,
            "FRONTLINE_MONGO_DATABASE": self.database_name,
            "FRONTLINE_TOPIC_PREFIX": self.topic_prefix,
        } | {f"FRONTLINE_{key.upper()}": str(value) for key, value in settings.items()}
        self.services = {
            each: Service(each, self.environment, folder / f"{each}.log") for each in services
        }
        self.provisioning = ProvisionSettings(
            kafka_servers=kafka_servers,
            mongo_url=mongo_url,
            mongo_database=self.database_name,
            topic_prefix=self.topic_prefix,
        )
        self.expected_errors = expected_errors
        self.client: Client
        self.database: Database
        self.charity_key = ""

    async def __aenter__(self) -> "Pipeline":
        await provision(self.provisioning)
        self.client, self.database = connect(self.provisioning)
        self.charity_key = await self.key("charity", "advice-shed", "Advice Shed")
        for service in self.services.values():
            service.start()
        try:
            for service in self.services.values():
                await service.ready()
        except BaseException:
            self._end()
            raise
        return self

    async def __aexit__(self, failure: type[BaseException] | None, *_: object) -> None:
        self._end()
        await self.client.drop_database(self.database_name)
        self.client.close()
        if failure is None:
            self._refuse_faults()

    def _refuse_faults(self) -> None:
        faults = [
            event
            for service in self.services.values()
            for event in service.faults()
            if event.get("action") not in self.expected_errors
        ]
        assert not faults, f"{len(faults)} errors in the logs, the first: {faults[0]}"

    def _end(self) -> None:
        for service in self.services.values():
            if service.runs():
                service.kill()

    async def key(self, role: Any, subject: str, name: str = "") -> str:
        """Creates an API key and returns its text."""
        key = await issue_key(
            MongoKeyStore(self.database),
            role,
            subject,
            name,
            departments=load_departments(),
            random_bytes=secrets.token_bytes,
            now=datetime.now(UTC),
        )
        return key.text()

    def http(self, service: str, key: str, **options: Any) -> httpx.AsyncClient:
        """A client of a service's API with a key."""
        return httpx.AsyncClient(
            base_url=self.services[service].url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=options.pop("timeout", 30.0),
            **options,
        )

    async def submit_batch(
        self, client: httpx.AsyncClient, items: list[dict[str, Any]]
    ) -> dict[str, str]:
        """Posts one batch until the service has answered for every item; returns key → id.

        A batch that got no answer is repeated with the same keys, as a client would.
        """

        async def post() -> httpx.Response | None:
            try:
                response = await client.post("/v1/feedback/batch", json={"items": items})
            except httpx.TransportError:
                return None
            return response if response.status_code == 202 else None

        ids: dict[str, str] = {}

        async def all_accepted() -> bool:
            response = await post()
            if response is None:
                await asyncio.sleep(0.2)
                return False
            for item, result in zip(items, response.json()["results"], strict=True):
                if result["status"] == 202:
                    ids[item["idempotency_key"]] = result["id"]
            return len(ids) == len(items)

        await until(all_accepted, "a batch to be accepted", 60)
        return ids

    async def drained(self, seconds: float = 120.0) -> None:
        """Waits until every receipt has its decision and every decision its items."""

        async def settled() -> bool:
            receipts = await self.database["receipts"].count_documents({})
            decisions = await self.database["routing_decisions"].count_documents({})
            return decisions >= receipts

        await until(settled, "the pipeline to drain", seconds)
