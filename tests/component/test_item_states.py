"""How queue items stand, as `verify` reads them: by feedback, by turn, and what expired."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.queues import mongo_store
from services.queues.item import bucket_of
from services.queues.item_state_store import MongoItemStates
from services.runtime.mongo import Database
from tests.builders import feedback_id
from tests.console import open_database

NOW = datetime.now(UTC).replace(microsecond=0)
OLD = NOW - timedelta(minutes=10)


@pytest.fixture
async def database(mongo_url: str, mongo_database: str) -> AsyncIterator[Database]:
    opened = open_database(mongo_url, mongo_database)
    await mongo_store.ensure_indexes(opened, timedelta(days=90))
    yield opened
    opened.client.close()


def item(number: int, department: str = "DWP", **changes: Any) -> dict[str, Any]:
    return {
        "_id": f"{feedback_id(number)}:{department}",
        "department": department,
        "state": "waiting",
        "bucket": bucket_of(feedback_id(number)),
        "visible_at": OLD + timedelta(seconds=number),
        "receive_count": 0,
        "created_at": OLD,
    } | changes


def lease(until: datetime, released: bool = False) -> dict[str, Any]:
    return {
        "receive_count": 1,
        "lease": {"token": "t", "until": until, "released": released},
    }


async def test_items_are_found_by_their_feedback_whatever_their_own_id_ends_with(
    database: Database,
) -> None:
    twin = item(1) | {"_id": f"{feedback_id(1)}:DWP-2"}
    await database["queue_items"].insert_many([item(1), twin, item(1, "HO"), item(2), item(3)])
    found = await MongoItemStates(database).of([feedback_id(1), feedback_id(3), feedback_id(9)])
    assert {name: len(items) for name, items in found.items()} == {
        feedback_id(1): 3,
        feedback_id(3): 1,
    }


async def test_ids_are_looked_up_by_ranges_of_the_index(database: Database) -> None:
    await database["queue_items"].insert_many([item(number) for number in range(500)])
    await database.command({"profile": 2})
    await MongoItemStates(database).of([feedback_id(number) for number in range(5)])
    await database.command({"profile": 0})
    [seen] = await database["system.profile"].find({"command.find": "queue_items"}).to_list(None)
    assert seen["docsExamined"] == 5
    assert seen["keysExamined"] < 20


async def test_what_waits_is_read_by_its_turn(database: Database) -> None:
    items = [item(number, ("DWP", "HO")[number % 2]) for number in range(60)]
    await database["queue_items"].insert_many([*items, item(99, state="settled")])
    start, end = OLD + timedelta(seconds=10), OLD + timedelta(seconds=20)
    read = [
        each
        async for chunk in MongoItemStates(database).waiting_between(start, end)
        for each in chunk
    ]
    assert sorted(read) == sorted(feedback_id(number) for number in range(10, 20))


async def test_only_leases_that_expired_long_enough_ago_are_told(database: Database) -> None:
    await database["queue_items"].insert_many(
        [
            item(1, **lease(OLD)),
            item(2, **lease(NOW + timedelta(hours=1))),
            item(3, **lease(OLD, released=True)),
            item(4, state="settled", **lease(OLD)),
            item(5),
            item(6, **lease(NOW - timedelta(seconds=1))),
        ]
    )
    states = MongoItemStates(database)
    found = [each async for chunk in states.expired_leases(timedelta(minutes=5)) for each in chunk]
    assert [(each.feedback_id, each.lease_until) for each in found] == [(feedback_id(1), OLD)]


async def test_only_acknowledgements_unpublished_for_long_enough_are_told(
    database: Database,
) -> None:
    def done(number: int, at: datetime, progress: str) -> dict[str, Any]:
        settled: dict[str, Any] = {"state": "settled", "settlement": {"token": "t", "at": at}}
        return item(number, progress=progress, **settled)

    await database["queue_items"].insert_many(
        [
            done(1, OLD, "unpublished"),
            done(2, OLD, "published"),
            done(3, NOW + timedelta(minutes=1), "unpublished"),
        ]
    )
    states = MongoItemStates(database)
    found = [each async for chunk in states.unpublished(timedelta(minutes=5)) for each in chunk]
    assert [(each.feedback_id, each.settled_at) for each in found] == [(feedback_id(1), OLD)]
