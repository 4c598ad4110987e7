"""What processes report is read back as it was said, dated by the database's clock."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from services.runtime.mongo import Database, server_time
from services.stages.report import Consumed, Report, State
from services.stages.report_store import COLLECTION, MongoReports
from tests.builders import NOON
from tests.console import open_database

REPORT = Report(
    service="intake",
    instance="a:1",
    version="1.0",
    state=State.RUNNING,
    at=NOON,
    started_at=NOON,
    ready=True,
    reasons={"consume feedback.routed": "$no {$offsets}"},
    held=("consume feedback.routed",),
    progress_ages={"consume feedback.routed": 0.5},
    consumed=(
        Consumed(
            "feedback.routed",
            "intake-tracking-routed",
            {"handled": 9},
            2.5,
            0.5,
            "consume feedback.routed",
        ),
    ),
)


@pytest.fixture
async def database(mongo_url: str, mongo_database: str) -> AsyncIterator[Database]:
    opened = open_database(mongo_url, mongo_database)
    yield opened
    opened.client.close()


async def test_a_report_is_dated_by_the_server_whatever_the_process_thinks(
    database: Database,
) -> None:
    reports = MongoReports(database)
    await reports.write(REPORT)
    await reports.write(replace(REPORT, instance="b:1", at=NOON + timedelta(days=9_000)))
    found = await reports.read_all()
    assert [replace(each, at=NOON) for each in found] == [REPORT, replace(REPORT, instance="b:1")]
    now = await server_time(database)
    assert all(timedelta(0) <= now - each.at < timedelta(seconds=10) for each in found)


async def test_a_report_takes_the_place_of_the_earlier_one(database: Database) -> None:
    reports = MongoReports(database)
    await reports.write(replace(REPORT, ready=False, reason="no model"))
    await reports.write(replace(REPORT, reasons={}))
    [found] = await reports.read_all()
    assert (found.ready, found.reason, found.reasons) == (True, None, {})


async def test_reports_of_other_versions_are_read(database: Database) -> None:
    reports = MongoReports(database)
    await reports.write(REPORT)
    changes = {"$unset": {"consumed.0.part": ""}, "$set": {"mood": "good", "consumed.0.x": 1}}
    await database[COLLECTION].update_one({}, changes)
    [found] = await reports.read_all()
    assert replace(found, at=NOON) == replace(
        REPORT, consumed=(replace(REPORT.consumed[0], part=""),)
    )
