"""One suite for both stores of receipts: the real collection and its twin in memory."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, count

import pytest
from pydantic import SecretStr

from schemas.feedback import Organisation, Submission
from services.intake.idempotency import fingerprint
from services.intake.receipts import Receipts, Verdict
from services.intake.submissions import Draft, write_reference
from services.receipts import receipt_store
from services.receipts.memory_receipt_store import MemoryReceiptStore
from services.receipts.receipt import Receipt
from services.receipts.receipt_store import Insertion, MongoReceiptStore, ReceiptStore
from services.runtime.mongo import connect, read_span
from services.runtime.settings import MongoSettings
from tests.builders import NOON, feedback_id, reference
from tests.waiting import until

LEASE = timedelta(seconds=30)
AT_ONCE = timedelta()


@pytest.fixture(params=["mongo", "memory"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[ReceiptStore]:
    if request.param == "memory":
        yield MemoryReceiptStore()
        return
    url: str = request.getfixturevalue("mongo_url")
    name: str = request.getfixturevalue("mongo_database")
    client, database = connect(
        MongoSettings(mongo_url=SecretStr(url), mongo_database=name, mongo_timeout_seconds=20)
    )
    await receipt_store.ensure_indexes(database)
    await receipt_store.ensure_indexes(database)  # safe to repeat
    yield MongoReceiptStore(database)
    client.close()


def receipt(number: int, age_seconds: float = 0.0) -> Receipt:
    now = datetime.now(UTC).replace(microsecond=0)
    accepted_at = now - timedelta(seconds=age_seconds)
    return Receipt(
        feedback_id(number), reference(number), "org-1", b"\x00" * 32, b"{}", accepted_at
    )


def ids(receipts: list[Receipt]) -> set[str]:
    return {each.id for each in receipts}


async def mark_published(store: ReceiptStore, identity: str, left: int) -> None:
    """Marks, and waits until a majority has the mark: it is written without waiting."""
    await store.mark_published([identity])

    async def marked() -> bool:
        return (await store.backlog()).receipts == left

    await until(marked, "the mark")


async def test_a_receipt_is_kept_once(store: ReceiptStore) -> None:
    one = receipt(1)
    assert list(await store.insert([one])) == [Insertion.DONE]
    again = replace(one, reference=reference(2), fingerprint=b"other")
    assert list(await store.insert([again])) == [Insertion.ID_TAKEN]
    assert await store.find([one.id, feedback_id(9)]) == {one.id: replace(one, event=b"")}


async def test_a_taken_reference_is_told_apart_from_a_taken_id(store: ReceiptStore) -> None:
    await store.insert([receipt(1)])
    batch = [receipt(2), replace(receipt(3), reference=reference(1)), receipt(1), receipt(4)]
    assert list(await store.insert(batch)) == [
        Insertion.DONE,
        Insertion.REFERENCE_TAKEN,
        Insertion.ID_TAKEN,
        Insertion.DONE,
    ]
    kept = await store.find([feedback_id(number) for number in range(1, 5)])
    assert set(kept) == {feedback_id(1), feedback_id(2), feedback_id(4)}


async def test_two_with_one_id_in_one_write_leave_one(store: ReceiptStore) -> None:
    twins = [receipt(1), replace(receipt(1), reference=reference(2))]
    assert list(await store.insert(twins)) == [Insertion.DONE, Insertion.ID_TAKEN]


async def test_claims_take_the_oldest_unpublished_and_old_enough(store: ReceiptStore) -> None:
    await store.insert([receipt(number, age_seconds=60 - number) for number in range(5)])
    await store.insert([receipt(9)])
    await mark_published(store, feedback_id(0), left=5)
    claimed = await store.claim(2, timedelta(seconds=10), LEASE)
    assert ids(claimed) == {feedback_id(1), feedback_id(2)}
    assert all(each.event == b"{}" for each in claimed)
    rest = await store.claim(100, timedelta(seconds=10), LEASE)
    assert ids(rest) == {feedback_id(3), feedback_id(4)}
    assert await store.claim(100, timedelta(seconds=10), LEASE) == []


async def test_a_claim_ends_with_its_lease_or_when_it_is_given_back(store: ReceiptStore) -> None:
    await store.insert([receipt(number, age_seconds=10) for number in range(2)])
    assert len(await store.claim(10, AT_ONCE, timedelta())) == 2
    assert len(await store.claim(10, AT_ONCE, LEASE)) == 2
    await store.release([feedback_id(1)])
    assert ids(await store.claim(10, AT_ONCE, LEASE)) == {feedback_id(1)}


async def test_claimers_at_once_never_share_a_receipt(store: ReceiptStore) -> None:
    await store.insert([receipt(number, age_seconds=10) for number in range(200)])
    claims = await asyncio.gather(*[store.claim(50, AT_ONCE, LEASE) for _ in range(8)])
    claimed = [each.id for claim in claims for each in claim]
    assert len(claimed) == len(set(claimed))


async def test_the_backlog_is_counted_and_dated(store: ReceiptStore) -> None:
    assert (await store.backlog()).receipts == 0
    receipts = [receipt(number, age_seconds=100 - number) for number in range(10)]
    await store.insert(receipts)
    await mark_published(store, feedback_id(0), left=9)
    backlog = await store.backlog()
    assert (backlog.receipts, backlog.oldest_at) == (9, receipts[1].accepted_at)


async def test_a_receipt_is_found_by_its_reference(store: ReceiptStore) -> None:
    one = receipt(1)
    await store.insert([one, receipt(2)])
    assert await store.by_reference(one.reference) == replace(one, event=b"")
    assert await store.by_reference(reference(9)) is None


async def test_a_period_is_read_whole_and_in_order(store: ReceiptStore) -> None:
    receipts = [receipt(number, age_seconds=100 - number) for number in range(10)]
    await store.insert(receipts)
    await mark_published(store, feedback_id(3), left=9)
    start, end = receipts[2].accepted_at, receipts[7].accepted_at
    read = [each async for chunk in store.accepted_between(start, end) for each in chunk]
    assert [each.id for each in read] == [feedback_id(number) for number in range(2, 7)]
    assert [each.id for each in read if each.published_at] == [feedback_id(3)]
    assert [each.reference for each in read] == [reference(number) for number in range(2, 7)]
    waiting = [each async for chunk in store.unpublished_between(start, end) for each in chunk]
    assert waiting == [each for each in read if each.id != feedback_id(3)]


async def test_a_drawn_reference_that_is_taken_is_drawn_again(store: ReceiptStore) -> None:
    numbers = chain([7] * 4, count(100))
    receipts = Receipts(store, lambda: write_reference(next(numbers)))
    body = Submission.model_validate({"kind": "observation", "text": "Nine weeks."})
    organisation = Organisation(id="org-1", name="Advice Shed")
    drafts = [
        Draft(feedback_id(n), organisation, body, fingerprint(body), datetime.now(UTC))
        for n in range(12)
    ]
    outcomes = [*await receipts.record(drafts[:1]), *await receipts.record(drafts[1:2])]
    for outcome in await asyncio.gather(*[receipts.record([each]) for each in drafts[2:]]):
        outcomes += outcome
    assert {each.verdict for each in outcomes} == {Verdict.NEW}
    assert len({each.receipt.reference for each in outcomes}) == 12
    kept = await store.claim(100, AT_ONCE, LEASE)
    assert all(f'"reference":"{each.reference}"'.encode() in each.event for each in kept)


async def test_receipts_never_expire(mongo_url: str, mongo_database: str) -> None:
    client, database = connect(
        MongoSettings(mongo_url=SecretStr(mongo_url), mongo_database=mongo_database)
    )
    await receipt_store.ensure_indexes(database)
    indexes = await database[receipt_store.COLLECTION].index_information()
    client.close()
    assert not [name for name, each in indexes.items() if "expireAfterSeconds" in each]
    assert indexes["reference_1"]["unique"]


async def test_chunks_meet_where_many_have_one_time(mongo_url: str, mongo_database: str) -> None:
    client, database = connect(
        MongoSettings(mongo_url=SecretStr(mongo_url), mongo_database=mongo_database)
    )
    collection = database["spans"]
    times = [NOON + timedelta(milliseconds=number // 7) for number in range(50)]
    await collection.insert_many([{"_id": n, "at": at, "x": n} for n, at in enumerate(times)])
    chunks = [
        chunk
        async for chunk in read_span(
            collection, "at", NOON, NOON + timedelta(seconds=1), fields=["x"], chunk=3
        )
    ]
    client.close()
    assert sorted(row["x"] for chunk in chunks for row in chunk) == list(range(50))
    assert len(chunks) > 10
