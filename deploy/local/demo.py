"""The demo: sets up, starts everything, sends the samples, shows where they went, stays up."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from aiokafka.errors import KafkaError
from pydantic import SecretStr
from pymongo.errors import PyMongoError

from deploy.local import summary
from deploy.local.errors import CannotStart
from deploy.local.keys import provide_keys, read_demo, write_demo, write_environment
from deploy.local.outcome import Outcome, OutcomeReader
from deploy.local.plan import Backends, addresses, find_backends, plan_services
from deploy.local.preflight import check_disk, check_ports
from deploy.local.samples import Accepted, NotSent, read_samples, send
from deploy.local.service import Service
from deploy.local.settings import LocalSettings
from deploy.local.supervisor import Supervisor
from deploy.local.terminal import Terminal
from deploy.provision import ProvisionSettings, provision
from schemas.departments import load_departments
from services.accounts.key_store import MongoKeyStore
from services.runtime.errors import Unavailable
from services.runtime.mongo import UnsafeDatabase, connect
from services.runtime.settings import read_settings

LOOK_SECONDS = 0.2
BACKEND_SECONDS = 15.0


class Demo:
    """One run of the demo on one folder of state; whoever runs it stops the supervisor."""

    def __init__(self, settings: LocalSettings, terminal: Terminal, supervisor: Supervisor) -> None:
        self._settings = settings
        self._terminal = terminal
        self._supervisor = supervisor
        self._state = settings.state_dir.resolve()

    def run(self) -> str | None:
        """Starts all and sends the samples; returns why not all arrived, or None.

        Raises `CannotStart`.
        """
        provisioning = read_settings(ProvisionSettings)
        self._terminal.say(f"State is kept in {self._state}")
        check_ports(self._settings.ports())
        check_disk(self._state, self._settings.demo_free_gb)
        backends = find_backends(self._settings, self._state, self._terminal)
        if backends.ours:
            names = " and ".join(server.name for server in backends.ours)
            with self._terminal.step(f"Starting {names}"):
                self._supervisor.start(*backends.ours)
        with self._terminal.step("Provisioning topics, indexes and keys"):
            keys = self._provision(provisioning, backends)
        services = plan_services(self._settings, self._state, backends)
        with self._terminal.step(f"Starting {', '.join(services)}"):
            self._supervisor.start(*services.values())
        self._write_demo(services, backends, keys)
        failure = self._send_and_show(backends, services["intake"].url, keys["charity"])
        self._say_addresses(backends, services)
        return failure

    def _provision(self, settings: ProvisionSettings, backends: Backends) -> dict[str, Any]:
        settings = settings.model_copy(
            update={
                "kafka_servers": backends.kafka_servers,
                "mongo_url": SecretStr(backends.mongo_url),
                "mongo_timeout_seconds": BACKEND_SECONDS,
            }
        )
        kept = read_demo(self._state / "demo.json").get("keys")
        try:
            return asyncio.run(_provision(settings, kept if isinstance(kept, dict) else {}))
        except (KafkaError, TimeoutError) as error:
            raise CannotStart(
                f"Kafka at {backends.kafka_servers} could not be provisioned: {error}."
                " Check FRONTLINE_KAFKA_SERVERS"
            ) from error
        except (Unavailable, UnsafeDatabase) as error:
            raise CannotStart(
                f"MongoDB could not be provisioned: {error}. Check FRONTLINE_MONGO_URL"
            ) from error

    def _write_demo(
        self, services: dict[str, Service], backends: Backends, keys: dict[str, Any]
    ) -> None:
        document = {
            "intake": services["intake"].url,
            "departments": services["departments"].url,
            "console": services["console"].url,
            "keys": keys,
        }
        write_demo(self._state / "demo.json", document)
        environment = addresses(self._settings, backends)
        environment["FRONTLINE_OPERATOR_KEY"] = keys["operator"]
        write_environment(self._state / "demo.env", environment)

    def _send_and_show(self, backends: Backends, intake: str, key: str) -> str | None:
        samples, start = read_samples(), datetime.now(UTC)
        try:
            with self._terminal.step(f"Sending {len(samples)} sample observations"):
                accepted = send(samples, intake, key, self._settings.demo_wait_seconds)
        except NotSent as error:
            return str(error)
        with OutcomeReader(backends.mongo_url, self._settings.mongo_database) as reader:
            outcomes = self._wait(reader, accepted)
        arrived = [outcome for outcome in outcomes if outcome.arrived]
        self._show(arrived, start)
        missing = {one.name for one in accepted} - self._names(accepted, arrived)
        if not missing:
            return None
        return (
            f"{len(missing)} of {len(accepted)} samples are not on their queues after"
            f" {self._settings.demo_wait_seconds:g} s: {', '.join(sorted(missing)[:5])}."
            f" The logs in {self._state / 'log'} say why"
        )

    def _names(self, accepted: Sequence[Accepted], arrived: Sequence[Outcome]) -> set[str]:
        ids = {outcome.feedback_id for outcome in arrived}
        return {one.name for one in accepted if one.id in ids}

    def _wait(self, reader: OutcomeReader, accepted: Sequence[Accepted]) -> list[Outcome]:
        deadline = time.monotonic() + self._settings.demo_wait_seconds
        outcomes: list[Outcome] = []
        with self._terminal.counting("On their queues", len(accepted)) as advance:
            while time.monotonic() < deadline:
                with suppress(PyMongoError):  # it may be on its way back: the deadline decides
                    outcomes = reader.read([one.id for one in accepted])
                arrived = sum(outcome.arrived for outcome in outcomes)
                advance(arrived, "")
                if arrived == len(accepted):
                    break
                time.sleep(LOOK_SECONDS)
        return outcomes

    def _show(self, arrived: Sequence[Outcome], start: datetime) -> None:
        names = {each.code: each.slug for each in load_departments().departments}
        self._terminal.show(summary.departments_table(arrived, names))
        self._terminal.say(summary.abstentions(arrived))
        self._terminal.say(summary.times(arrived))
        if earlier := summary.from_before(arrived, start):
            self._terminal.say(earlier)

    def _say_addresses(self, backends: Backends, services: dict[str, Service]) -> None:
        self._terminal.say(
            f"Intake API       {services['intake'].url}/openapi.json\n"
            f"Departments API  {services['departments'].url}/openapi.json\n"
            f"Console API      {services['console'].url}/openapi.json\n"
            f"Keys             {self._state / 'demo.json'}\n"
            f"Logs             {self._state / 'log'}\n"
            f"Kafka            {backends.kafka_servers}\n"
            f"Operators        . {self._state / 'demo.env'};"
            " var/venv/bin/python -m services.console.cli status"
        )


async def _provision(settings: ProvisionSettings, kept: dict[str, Any]) -> dict[str, Any]:
    await provision(settings)
    client, database = connect(settings)
    try:
        return await provide_keys(
            MongoKeyStore(database), kept, load_departments(), lambda: datetime.now(UTC)
        )
    finally:
        client.close()
