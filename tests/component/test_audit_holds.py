"""The audit on a real database: a chain that shows whoever tampered with it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128
from bson.datetime_ms import DatetimeMS
from pydantic import SecretStr
from structlog.testing import capture_logs

from services.audit.audit_store import MongoAuditLog
from services.audit.entry import BEGINNING, Entry, Head, read_head
from services.audit.head_watch import HeadWatch
from services.runtime.metrics import Metrics
from services.runtime.mongo import Database, connect
from services.runtime.settings import MongoSettings
from tests.waiting import until


@pytest.fixture
async def database(mongo_url: str, mongo_database: str) -> AsyncIterator[Database]:
    settings = MongoSettings(
        mongo_url=SecretStr(mongo_url), mongo_database=mongo_database, mongo_timeout_seconds=10
    )
    client, opened = connect(settings)
    yield opened
    client.close()


@pytest.fixture
async def log(database: Database) -> MongoAuditLog:
    return MongoAuditLog(database)


async def write(log: MongoAuditLog, count: int) -> list[Entry]:
    return [
        await log.append(
            by="on-call",
            action="stage.pause",
            subject="router",
            reason=f"try {number}",
            details={"count": number, "state": None},
        )
        for number in range(count)
    ]


async def test_an_untouched_chain_holds(log: MongoAuditLog) -> None:
    written = await write(log, 3)
    assert [entry.seq for entry in written] == [1, 2, 3]
    assert written[0].previous == BEGINNING
    assert written[2].previous == written[1].digest
    assert await log.read(after=1) == written[1:]
    assert [entry async for entry in log.every()] == written
    found = await log.check()
    assert (found.entries, found.broken) == (3, [])
    assert found.head == Head(3, written[2].digest)
    assert read_head(str(found.head)) == found.head


async def test_an_empty_audit_is_sound(log: MongoAuditLog) -> None:
    found = await log.check()
    assert (found.entries, found.head, found.broken) == (0, Head(), [])


async def test_entries_written_at_once_are_one_chain(database: Database) -> None:
    logs = [MongoAuditLog(database) for _ in range(12)]
    await asyncio.gather(*(write(log, 2) for log in logs))
    found = await logs[0].check()
    assert (found.entries, found.broken) == (24, [])


@pytest.mark.parametrize(
    "change",
    [
        {"by": "somebody-else"},
        {"reason": "another"},
        {"at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"details": {"count": 2, "state": None}},
        {"details": 7},
        {"subject": None},
    ],
    ids=str,
)
async def test_a_changed_entry_is_named(
    log: MongoAuditLog, database: Database, change: dict[str, object]
) -> None:
    await write(log, 3)
    await database["audit"].update_one({"_id": 2}, {"$set": change})
    found = await log.check()
    assert [each.seq for each in found.broken] == [2]
    assert "not as it was written" in found.broken[0].what


async def test_an_entry_written_anew_breaks_the_next(
    log: MongoAuditLog, database: Database
) -> None:
    first, *_ = await write(log, 3)
    await database["audit"].delete_many({"_id": {"$gte": 1}})
    forged = await log.append(by="x", action="stage.pause", subject="router", reason="forged")
    assert forged.seq == 1
    for number, entry in ((2, "a"), (3, "b")):
        await database["audit"].insert_one({"_id": number, "reason": entry})
    found = await log.check()
    assert {each.seq for each in found.broken} == {2, 3}
    noted = await log.check(Head(1, first.digest))
    assert noted.broken[0].what == "is not the entry whose digest was noted"


async def test_a_removed_entry_is_missed(log: MongoAuditLog, database: Database) -> None:
    await write(log, 4)
    await database["audit"].delete_one({"_id": 2})
    found = await log.check()
    assert [(each.seq, each.what) for each in found.broken] == [(3, "no entry between 1 and 3")]


async def test_a_cut_end_is_seen_by_whoever_noted_the_head(
    log: MongoAuditLog, database: Database
) -> None:
    written = await write(log, 3)
    noted = Head(3, written[2].digest)
    assert (await log.check(noted)).broken == []
    await database["audit"].delete_one({"_id": 3})
    assert (await log.check()).broken == []
    found = await log.check(noted)
    assert [each.seq for each in found.broken] == [3]
    assert "gone" in found.broken[0].what


async def test_a_row_that_is_no_entry_is_named(log: MongoAuditLog, database: Database) -> None:
    await write(log, 1)
    await database["audit"].insert_one({"_id": "smuggled", "by": "x"})
    found = await log.check()
    assert "smuggled" in found.broken[0].what
    assert (await log.append(by="x", action="a", subject="s", reason="r")).seq == 2


ODD: list[Any] = [
    float("nan"),
    float("inf"),
    -float("inf"),
    2.0,
    Decimal128("2"),
    2**63 - 1,
    -1,
    True,
    None,
    {"seq": 2},
    datetime(2026, 1, 1, tzinfo=UTC),
]


@pytest.mark.parametrize("number", ODD, ids=str)
async def test_an_odd_row_is_named_and_stops_nobody(
    log: MongoAuditLog, database: Database, number: object
) -> None:
    await write(log, 1)
    await database["audit"].insert_one({"_id": number, "by": "x"})
    second, third = await write(log, 2)
    assert await log.head() == Head(third.seq, third.digest)
    assert [entry.seq for entry in await log.latest(9)] == [third.seq, second.seq, 1]
    assert [entry.seq for entry in await log.latest(9, before=second.seq)] == [1]
    assert await log.read(after=1) == [second, third]
    assert [entry async for entry in log.every()] == [*await log.read(limit=1), second, third]
    found = await log.check()
    assert found.head == Head(third.seq, third.digest)
    assert [each for each in found.broken if "row that is no entry" in each.what]


async def test_an_entry_whose_words_are_no_words_is_named(
    log: MongoAuditLog, database: Database
) -> None:
    await write(log, 2)
    odd = {"at": DatetimeMS(2**60), "by": float("nan"), "details": {"a": float("inf")}}
    await database["audit"].update_one({"_id": 1}, {"$set": odd})
    assert [entry.seq for entry in await log.latest(9)] == [2, 1]
    assert [each.seq for each in (await log.check()).broken] == [1]


async def test_many_entries_at_once_are_all_written_soon(database: Database) -> None:
    logs = [MongoAuditLog(database) for _ in range(120)]
    async with asyncio.timeout(20):
        await asyncio.gather(*(write(log, 1) for log in logs))
    found = await logs[0].check()
    assert (found.entries, found.broken) == (120, [])


async def test_the_newest_come_first_and_can_be_chosen(log: MongoAuditLog) -> None:
    await write(log, 3)
    await log.append(by="other", action="fuse.reset", subject="classifier", reason="mended")
    assert [entry.seq for entry in await log.latest(2)] == [4, 3]
    assert [entry.seq for entry in await log.latest(9, before=3)] == [2, 1]
    assert [entry.seq for entry in await log.latest(9, wanted={"by": "other"})] == [4]


def told(logs: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """What the watch said, and of which head."""
    watched = [each for each in logs if each.get("action") == "watch_audit"]
    return [(each["event"], each.get("seq", each.get("noted"))) for each in watched]


async def test_each_head_is_logged_and_one_that_is_gone_is_an_error(
    log: MongoAuditLog, database: Database
) -> None:
    metrics = Metrics()
    watch = HeadWatch(log, metrics)
    with capture_logs() as logs:
        await watch.look()
        assert told(logs) == []
        _, second = await write(log, 2)
        await watch.look()
        await watch.look()
        assert told(logs) == [("audit head", 2)]
        await database["audit"].delete_one({"_id": 2})
        await watch.look()
        await watch.look()
        assert told(logs)[1:] == [("audit changed", f"2:{second.digest}")]
        assert metrics.registry.get_sample_value("frontline_audit_changed") == 1
        await write(log, 2)  # another second entry, and a third: the chain itself holds
        assert (await log.check()).broken == []
        await watch.look()
        assert told(logs)[2:] == [("audit changed", f"2:{second.digest}")]


async def test_an_entry_that_was_changed_below_the_head_is_an_error(
    log: MongoAuditLog, database: Database
) -> None:
    metrics = Metrics()
    watch = HeadWatch(log, metrics)
    await write(log, 1)
    await watch.look()
    await database["audit"].update_one({"_id": 1}, {"$set": {"by": "x"}})
    await write(log, 1)
    with capture_logs() as logs:
        await watch.look()
    assert [name for name, _ in told(logs)] == ["audit changed"]
    assert "entry 1 is not what it was" in logs[0]["what"]


async def test_the_watch_looks_again_and_again(log: MongoAuditLog) -> None:
    with capture_logs() as logs:
        async with HeadWatch(log, Metrics(), every_seconds=0.01):
            await write(log, 1)
            await until(lambda: ("audit head", 1) in told(logs), "the first head")
            await write(log, 1)
            await until(lambda: ("audit head", 2) in told(logs), "the next")


@pytest.mark.parametrize("text", ["", "1", "x:" + "0" * 64, "1:" + "g" * 64, "1:00"])
def test_a_head_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no head"):
        read_head(text)
