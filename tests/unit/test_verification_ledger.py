"""The ledger of `verify` gives back what it was given, whole feedbacks in bounded chunks."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from services.console.errors import NoRoom
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
from tests.waiting import until

MANY = 300_000  # rows that are written, and sorted, for far longer than SOON
SOON = 0.02


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


def many_rows() -> list[Row | None]:
    return [
        ((number * 7_919 % MANY).to_bytes(16), Kind.RECEIVED, number, 0, number, "x" * 80)
        for number in range(MANY)
    ]


def open_files() -> list[str]:
    """The temporary files of SQLite that this process has open; they have lost their names."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(str(each.readlink()))
    return [each for each in found if "etilqs" in each]


async def test_the_files_of_a_ledger_are_gone_with_it() -> None:
    async with Ledger() as ledger:
        await ledger.write(many_rows())
        await anext(ledger.groups(1_000))
        files = open_files()
        assert files
        assert all(each.endswith(" (deleted)") for each in files)  # kill -9 leaves none either
    assert open_files() == []


async def test_whoever_is_cancelled_while_it_writes_leaves_nothing_behind() -> None:
    rows = many_rows()
    async with Ledger() as ledger:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ledger.write(rows), SOON)
    assert open_files() == []


async def test_whoever_is_cancelled_while_it_sorts_leaves_nothing_behind() -> None:
    rows = many_rows()
    async with Ledger() as ledger:
        await ledger.write(rows)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(ledger.groups(1_000)), SOON)
    assert open_files() == []


async def test_whoever_is_cancelled_again_while_it_closes_leaves_nothing_behind() -> None:
    rows, written = many_rows(), asyncio.Event()

    async def work() -> None:
        async with Ledger() as ledger:
            await ledger.write(rows)
            written.set()
            await anext(ledger.groups(1_000))

    working = asyncio.create_task(work())
    await written.wait()
    while not working.done():
        await asyncio.sleep(0)
        working.cancel()
    assert working.cancelled()
    await until(lambda: not open_files(), "the files to be closed")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a disk that is full: no file takes more bytes."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


async def test_a_disk_that_is_full_is_a_refusal_that_says_how_much_is_needed() -> None:
    rows = many_rows()
    told = r"set TMPDIR to a folder with .* GB free for each million"
    async with Ledger() as ledger:
        with files_of_at_most(100_000), pytest.raises(NoRoom, match=told):
            await ledger.write(rows)
    assert open_files() == []


async def test_a_disk_that_fills_up_while_it_sorts_is_a_refusal_too() -> None:
    async with Ledger() as ledger:
        await ledger.write(many_rows())
        with files_of_at_most(100_000), pytest.raises(NoRoom, match="after 300,000 rows"):
            await anext(ledger.groups(1_000))
    assert open_files() == []
