"""An operator's clock may go wrong: what is judged by time is judged by MongoDB's clock."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from services.console.connections import Connections, by_server_time, open_connections
from services.console.operations.dead_items import redrive_items
from services.console.operations.redrives import cancel_redrive
from services.console.operations.status import PipelineView
from services.console.operator import Operator
from services.console.pipeline import Condition
from services.console.settings import ConsoleSettings
from services.console.verification.fault import FaultKind
from services.console.verification.open_ends import open_ends
from services.console.verification.period import Period
from services.deadletters.documents import letter_document
from services.deadletters.letter import Claim
from services.deadletters.letter import State as Letter
from services.deadletters.redrive import JobState
from services.queues import mongo_store as queues
from services.queues.dead_item import DeadItemFilter
from services.runtime.metrics import Metrics
from services.runtime.settings import Mode
from services.stages.report import Report, State
from services.stages.report_store import MongoReports
from tests.builders import NOON, feedback
from tests.component.queue_stores import new_item
from tests.deadletters import Desk, letter

NOWHERE = "127.0.0.1:9"
WRONG = [timedelta(minutes=-20), timedelta(minutes=20)]


@pytest.fixture(params=WRONG, ids=["behind", "ahead"])
async def connections(
    request: pytest.FixtureRequest, mongo_url: str, mongo_database: str
) -> AsyncIterator[Connections]:
    settings = ConsoleSettings(
        mode=Mode.DEVELOPMENT,
        mongo_url=SecretStr(mongo_url),
        mongo_database=mongo_database,
        kafka_servers=NOWHERE,
        kafka_produce_seconds=1,
    )
    async with open_connections(settings, Metrics()) as opened:
        yield replace(opened, clock=lambda: datetime.now(UTC) + request.param)


async def test_a_process_that_just_reported_runs(connections: Connections) -> None:
    report = Report("router", "a:1", "1.0", State.RUNNING, NOON, NOON, ready=True)
    await MongoReports(connections.database).write(report)
    async with PipelineView(connections) as view:
        found = await view.read()
    assert [each.condition for each in found.processes] == [Condition.RUNNING]
    assert abs(found.at - datetime.now(UTC)) < timedelta(minutes=1)


async def held(connections: Connections) -> Desk:
    desk = Desk(connections.database)
    await desk.order("again")
    assert await desk.redrives.hold("again", "another process", 60)
    return desk


async def test_a_redrive_that_runs_is_left_to_whoever_runs_it(connections: Connections) -> None:
    desk = await held(connections)
    operator = Operator("ops", "key", reads_text=False)
    asked = await cancel_redrive(connections, "again", operator=operator, reason="a test")
    assert asked.state is JobState.RUNNING
    found = await desk.redrives.find("again")
    assert found is not None
    assert found.held_until == asked.held_until


async def test_an_item_that_just_died_is_put_back(connections: Connections) -> None:
    database = connections.database
    await queues.ensure_indexes(database, timedelta(days=1))
    store = queues.MongoQueueStore(database)
    await store.enqueue([feedback(1)], [new_item(1, "MHCLG")])
    [received] = await store.receive("MHCLG", 1, 60)
    await store.dead_letter("MHCLG", [received.lease], "nobody can read it")
    only, operator = DeadItemFilter(departments=("MHCLG",)), Operator("ops", "key", False)
    mended = await redrive_items(connections, only, operator=operator, reason="a test")
    assert mended.changed == 1


async def test_verification_goes_by_the_lease_of_a_redrive(connections: Connections) -> None:
    database = connections.database
    await queues.ensure_indexes(database, timedelta(days=1))
    desk = await held(connections)
    taken = replace(letter(), state=Letter.REDRIVING, claims=(Claim("again", 1, NOON),))
    await database["dead_letters"].insert_one(letter_document(taken))
    period = Period(NOON, NOON + timedelta(hours=1), timedelta(seconds=60))

    async def faults() -> list[FaultKind]:
        by_server = await by_server_time(connections)
        return [each.kind async for each in open_ends(by_server, period, timedelta(hours=1))]

    assert await faults() == []
    await desk.end_leases()
    assert await faults() == [FaultKind.REDRIVE_LEFT_OPEN]
