"""Receipts: the insert decides, repeats get the first answer, a taken reference is drawn anew."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from itertools import count

import pytest

from schemas.feedback import Organisation, Submission
from services.intake.idempotency import feedback_id, fingerprint
from services.intake.receipts import Receipts, Verdict
from services.intake.submissions import Draft, write_reference
from services.receipts.memory_receipt_store import MemoryReceiptStore
from services.receipts.receipt import Receipt
from services.receipts.receipt_store import Insertion
from services.runtime.errors import Unavailable

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def draft(key: str, text: str = "Nine weeks for a visit.") -> Draft:
    body = Submission.model_validate({"kind": "observation", "text": text})
    organisation = Organisation(id="org-1", name="Advice Shed")
    return Draft(feedback_id("org-1", key), organisation, body, fingerprint(body), NOW)


class References:
    """Gives the references of these numbers, then new ones."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)
        self.next = count(1_000)

    def __call__(self) -> str:
        return write_reference(self.numbers.pop(0) if self.numbers else next(self.next))


async def test_a_repeat_gets_the_first_answer() -> None:
    receipts = Receipts(MemoryReceiptStore(), References())
    [first] = await receipts.record([draft("k")])
    [again] = await receipts.record([draft("k")])
    assert (first.verdict, again.verdict) == (Verdict.NEW, Verdict.REPEAT)
    assert again.receipt.reference == first.receipt.reference


async def test_the_same_key_with_another_body_is_a_conflict() -> None:
    receipts = Receipts(MemoryReceiptStore(), References())
    await receipts.record([draft("k")])
    [other] = await receipts.record([draft("k", "Something else.")])
    assert other.verdict is Verdict.CONFLICT


async def test_a_hundred_at_once_leave_one_receipt_and_one_answer() -> None:
    store = MemoryReceiptStore()
    receipts = Receipts(store, References())
    outcomes = await asyncio.gather(*[receipts.record([draft("k")]) for _ in range(100)])
    verdicts = [outcome.verdict for [outcome] in outcomes]
    assert verdicts.count(Verdict.NEW) == 1
    assert verdicts.count(Verdict.REPEAT) == 99
    assert len({outcome.receipt.reference for [outcome] in outcomes}) == 1


async def test_concurrent_submissions_share_a_write() -> None:
    store = MemoryReceiptStore()
    receipts = Receipts(store, References())
    await asyncio.gather(*[receipts.record([draft(str(n))]) for n in range(200)])
    assert sum(store.writes) == 200
    assert len(store.writes) < 20


async def test_the_same_key_twice_in_one_batch_is_a_repeat_or_a_conflict() -> None:
    receipts = Receipts(MemoryReceiptStore(), References())
    outcomes = await receipts.record([draft("k"), draft("k"), draft("k", "Other."), draft("j")])
    assert [each.verdict for each in outcomes] == [
        Verdict.NEW,
        Verdict.REPEAT,
        Verdict.CONFLICT,
        Verdict.NEW,
    ]


async def test_a_taken_reference_is_drawn_again_and_never_taken_for_a_repeat() -> None:
    store = MemoryReceiptStore()
    receipts = Receipts(store, References(7, 7, 7, 8))
    [first] = await receipts.record([draft("k")])
    [second] = await receipts.record([draft("j")])
    assert (first.verdict, second.verdict) == (Verdict.NEW, Verdict.NEW)
    assert first.receipt.reference == write_reference(7)
    assert second.receipt.reference == write_reference(8)
    assert second.receipt.reference.encode() in second.receipt.event


async def test_an_outage_is_said_and_nothing_is_answered() -> None:
    store = MemoryReceiptStore()
    store.error = Unavailable("MongoDB: gone")
    with pytest.raises(Unavailable):
        await Receipts(store, References()).record([draft("k")])


class Hesitant(MemoryReceiptStore):
    """A database whose majority has not confirmed the winner yet when the loser asks."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def find(self, ids: Collection[str]) -> dict[str, Receipt]:
        self.times -= 1
        return {} if self.times >= 0 else await super().find(ids)


async def test_a_winner_that_cannot_be_read_yet_is_waited_for() -> None:
    receipts = Receipts(Hesitant(2), References())
    await receipts.record([draft("k")])
    [again] = await receipts.record([draft("k")])
    assert again.verdict is Verdict.REPEAT


async def test_a_winner_that_is_never_read_is_an_outage_not_an_answer() -> None:
    receipts = Receipts(Hesitant(10_000), References())
    await receipts.record([draft("k")])
    with pytest.raises(Unavailable):
        await receipts.record([draft("k")])


class Forgetful(MemoryReceiptStore):
    """A database where every reference is taken."""

    async def insert(self, receipts: Sequence[Receipt]) -> Sequence[Insertion]:
        return [Insertion.REFERENCE_TAKEN] * len(receipts)


async def test_a_store_that_takes_no_reference_ends_in_an_outage_not_in_a_loop() -> None:
    with pytest.raises(Unavailable):
        await Receipts(Forgetful(), References()).record([draft("k")])
