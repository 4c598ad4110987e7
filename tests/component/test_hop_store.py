"""Hops in MongoDB: kept once, read by feedback alone, in the order in which they began."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from services.runtime.mongo import connect
from services.runtime.settings import MongoSettings
from services.tracing import hop_store
from services.tracing.hop import Hop
from services.tracing.hop_store import MongoHopStore
from tests.builders import NOON, feedback_id
from tests.waiting import until


def hop(number: int, group: str, offset: int, seconds: int = 0, **changes: object) -> Hop:
    at = NOON + timedelta(seconds=seconds)
    fields = {"event_id": "e", "error": None, "redrive": None} | changes
    return Hop(
        feedback_id(number), group, "t", 0, offset, NOON, at, at, "handled", 1, "s", "1",
        **fields,  # type: ignore[arg-type]
    )  # fmt: skip


async def test_hops_are_kept_once_and_read_by_feedback(mongo_url: str, mongo_database: str) -> None:
    client, database = connect(
        MongoSettings(mongo_url=SecretStr(mongo_url), mongo_database=mongo_database)
    )
    try:
        await hop_store.ensure_indexes(database, timedelta(days=90))
        store = MongoHopStore(database)
        later = hop(1, "p.router", 4, 2, error="Permanent", redrive="mended")
        first = hop(1, "p.classifier", 3, 1)
        await store.add([later, first, hop(2, "p.router", 5)])
        await store.add([first, hop(1, "p.router", 4, 9)])
        kept = await until(lambda: store.of(feedback_id(1)), "the hops to be read")
        assert kept == [first, later]
        assert await store.of(feedback_id(3)) == []
        await store.add([])
    finally:
        client.close()


@pytest.mark.parametrize("group", ["router", "p12.a/b"])
async def test_a_group_may_have_any_name(group: str, mongo_url: str, mongo_database: str) -> None:
    client, database = connect(
        MongoSettings(mongo_url=SecretStr(mongo_url), mongo_database=mongo_database)
    )
    try:
        store = MongoHopStore(database)
        await store.add([hop(1, group, 4)])
        kept = await until(lambda: store.of(feedback_id(1)), "the hop to be read")
        assert kept == [hop(1, group, 4)]
    finally:
        client.close()
