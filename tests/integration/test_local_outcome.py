"""The demo counts a sample as arrived when the database shows all of its items, and not before."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from deploy.local.outcome import OutcomeReader

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(mongo_url: str, mongo_database: str) -> Iterator[Database[dict[str, Any]]]:
    client: MongoClient[dict[str, Any]] = MongoClient(mongo_url, w="majority")
    with client:
        yield client[mongo_database]


@pytest.fixture
def reader(mongo_url: str, mongo_database: str) -> Iterator[OutcomeReader]:
    with OutcomeReader(mongo_url, mongo_database) as reader:
        yield reader


def decide(database: Database[dict[str, Any]], feedback_id: str, *departments: str) -> None:
    database["routing_decisions"].insert_one(
        {
            "_id": f"{feedback_id}:1",
            "feedback_id": feedback_id,
            "areas": [{"area": "housing", "probability": 0.9}],
            "abstained": None,
            "departments": [{"department": each} for each in departments],
        }
    )
    database["feedback"].insert_one({"_id": feedback_id, "received_at": AT})


def enqueue(database: Database[dict[str, Any]], feedback_id: str, department: str) -> None:
    document = {"_id": f"{feedback_id}:{department}", "department": department, "role": "lead"}
    at = AT + timedelta(milliseconds=120)
    database["queue_items"].insert_one({**document, "created_at": at})


def test_it_has_arrived_when_every_department_of_its_decision_has_it(
    database: Database[dict[str, Any]], reader: OutcomeReader
) -> None:
    assert reader.read(["one"]) == []
    decide(database, "one", "DHSC", "DWP")
    enqueue(database, "one", "DHSC")
    assert [outcome.arrived for outcome in reader.read(["one"])] == [False]
    enqueue(database, "one", "DWP")
    (outcome,) = reader.read(["one"])
    assert outcome.arrived
    assert outcome.areas == ("housing",)
    assert outcome.seconds == pytest.approx(0.12)


def test_an_item_that_nobody_decided_on_is_noticed(
    database: Database[dict[str, Any]], reader: OutcomeReader
) -> None:
    decide(database, "one", "DHSC")
    enqueue(database, "one", "DHSC")
    enqueue(database, "one", "HMT")
    assert [outcome.arrived for outcome in reader.read(["one"])] == [False]


def test_items_of_others_are_not_counted(
    database: Database[dict[str, Any]], reader: OutcomeReader
) -> None:
    decide(database, "one", "DHSC")
    enqueue(database, "one", "DHSC")
    decide(database, "one-more", "DHSC")
    enqueue(database, "one-more", "DHSC")
    assert [outcome.feedback_id for outcome in reader.read(["one"])] == ["one"]
    assert reader.read([]) == []
