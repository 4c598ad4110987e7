"""A decision is acted on only when it is stored, be it by us or by whoever came first."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from pymongo.errors import BulkWriteError

from services.routing.decision import Decision, to_document
from services.routing.decision_store import MongoDecisionStore
from services.runtime.errors import Unavailable
from services.runtime.mongo import Database

DUPLICATE = {"index": 0, "code": 11_000, "keyPattern": {"_id": 1}}


class Taken:
    """A collection that refuses the first document, and then holds these; its own cursor."""

    def __init__(self, *stored: dict[str, Any]) -> None:
        self.stored = stored

    async def insert_many(self, _documents: Any, **_options: Any) -> None:
        raise BulkWriteError({"writeErrors": [DUPLICATE], "writeConcernErrors": []})

    def find(self, _only: Any) -> "Taken":
        return self

    async def to_list(self, _limit: None) -> list[dict[str, Any]]:
        return list(self.stored)


def store(collection: Taken) -> MongoDecisionStore:
    return MongoDecisionStore(cast(Database, {"routing_decisions": collection}))


def decision(number: int, rule_version: str = "new") -> Decision:
    at = datetime(2026, 11, 2, tzinfo=UTC)
    return Decision(f"feedback-{number}", 1, (), (), None, rule_version, "1", at)


async def test_the_stored_decision_stands_and_a_fresh_one_beside_it() -> None:
    first = decision(1, rule_version="old")
    settled = await store(Taken(to_document(first))).settle([decision(1), decision(2)])
    assert settled == [first, decision(2)]


async def test_a_decision_that_was_there_and_is_gone_is_not_acted_on() -> None:
    with pytest.raises(Unavailable):
        await store(Taken()).settle([decision(1), decision(2)])
