"""The ledger of `verify` gives back what it was given, whole feedbacks in bounded chunks."""

from datetime import timedelta

import pytest

from services.console.verification.evidence import (
    Kind,
    Row,
    decision_row,
    pack_id,
    queued_row,
    read_evidence,
    receipt_row,
    record_row,
    unpack_id,
)
from services.console.verification.ledger import Ledger
from services.receipts.receipt import Accepted
from services.routing.decision import Decided
from services.runtime.redrive import Redriven
from tests.builders import NOON, feedback_id, reference


@pytest.mark.parametrize("number", range(20))
def test_an_id_comes_back_as_it_was(number: int) -> None:
    packed = pack_id(feedback_id(number))
    assert packed is not None
    assert unpack_id(packed) == feedback_id(number)


@pytest.mark.parametrize("text", ["", "key", "0" * 32, feedback_id(1)[:-1], "Q3NYCFNS", "z" * 36])
def test_what_is_no_id_is_told_apart(text: str) -> None:
    assert pack_id(text) is None
    assert record_row(Kind.RECEIVED, text.encode(), (0, 1, 2), None) is None
    assert record_row(Kind.RECEIVED, None, (0, 1, 2), None) is None


def rows_of(number: int) -> list[Row | None]:
    name, at = feedback_id(number), int(NOON.timestamp() * 1000)
    redriven = Redriven("letter", "group", "feedback.received", 1, 2, 3, "mended")
    return [
        receipt_row(Accepted(name, reference(number), NOON, NOON + timedelta(seconds=1))),
        record_row(Kind.RECEIVED, name.encode(), (1, number, at), None),
        record_row(Kind.RECEIVED, name.encode(), (1, number + 50, at), redriven),
        decision_row(Decided(name, ("DWP", "HO"), NOON)),
        queued_row(name),
    ]


def test_evidence_is_read_back_from_its_rows() -> None:
    rows = [row for row in rows_of(3) if row is not None]
    found = read_evidence(rows[0][0], rows)
    assert (found.feedback_id, found.reference) == (feedback_id(3), reference(3))
    assert (found.accepted_at, found.published, found.in_period) == (NOON, True, True)
    assert found.departments == frozenset({"DWP", "HO"})
    first, again = found.on(Kind.RECEIVED)
    assert (first.partition, first.offset, first.at, first.letter_id) == (1, 3, NOON, None)
    assert (again.offset, again.letter_id, again.count) == (53, "letter", 3)


@pytest.mark.parametrize("size", [1, 7, 1_000])
async def test_every_feedback_comes_once_and_whole(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.console.verification.ledger._FETCHED", 13)
    async with Ledger() as ledger:
        for part in range(5):  # the rows of one feedback are far apart
            written = [rows_of(number)[part] for number in range(100)]
            assert await ledger.write([*written, None]) == 1
        chunks = [chunk async for chunk in ledger.groups(size)]
    assert max(map(len, chunks)) <= size
    groups = [group for chunk in chunks for group in chunk]
    keys = [key for key, _ in groups]
    assert keys == sorted({pack_id(feedback_id(number)) or b"" for number in range(100)})
    assert {len(rows) for _, rows in groups} == {5}


async def test_an_empty_ledger_has_no_groups() -> None:
    async with Ledger() as ledger:
        assert [chunk async for chunk in ledger.groups(10)] == []
