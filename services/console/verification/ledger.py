"""What was seen, kept on disk and given back feedback by feedback; memory stays bounded."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any, TypeVar, TypeVarTuple

from services.console.errors import NoRoom
from services.console.verification.evidence import Row

_CACHE_KIBIBYTES = 16_384
_FETCHED = 10_000

# for a million receipts that went all the way, rows and their sort: decision 0020 measures it
_GIGABYTES = 1

Group = tuple[bytes, list[Row]]

Given = TypeVarTuple("Given")
Result = TypeVar("Result")


class Ledger:
    """A table that is written in any order and read once, sorted, by a merge on disk.

    An asynchronous context manager. Its files are where SQLite puts temporary ones (`TMPDIR`), have
    no name from their first byte on, and go with the context or the process. All of it is done in
    one thread of its own, closing included: whoever is cancelled leaves a statement at work there.
    Every call raises `NoRoom` when the disk takes no more.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._database: sqlite3.Connection | None = None
        self._cursor: sqlite3.Cursor | None = None
        self._rows = 0

    async def __aenter__(self) -> "Ledger":
        try:
            await self._do(self._open)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._database is not None:
            self._database.interrupt()
        closing = asyncio.wrap_future(self._thread.submit(self._close))
        self._thread.shutdown(wait=False)
        await asyncio.shield(closing)

    async def write(self, rows: Iterable[Row | None]) -> int:
        """Keeps what there is among the rows; says how many were none."""
        given = list(rows)
        kept = [row for row in given if row is not None]
        await self._do(self._insert, kept)
        self._rows += len(kept)
        return len(given) - len(kept)

    async def groups(self, size: int) -> AsyncIterator[list[Group]]:
        """All rows by feedback, `size` feedbacks at a time, in the order of their ids."""
        await self._do(self._sort)
        chunk: list[Group] = []
        rest: list[Row] = []  # of a feedback whose rows may go on in what is fetched next
        while fetched := await self._do(self._fetch):
            for key, rows in groupby(rest + fetched, key=_feedback):
                chunk.append((key, list(rows)))
            rest = chunk.pop()[1]
            while len(chunk) >= size:
                yield chunk[:size]
                chunk = chunk[size:]
        if rest:
            chunk.append((rest[0][0], rest))
        for start in range(0, len(chunk), size):
            yield chunk[start : start + size]

    async def _do(self, call: Callable[[*Given], Result], *given: *Given) -> Result:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, call, *given)
        except sqlite3.OperationalError as error:
            raise NoRoom(
                f"No room for temporary files after {self._rows:,} rows ({error}): set TMPDIR to a"
                f" folder with about {_GIGABYTES} GB free for each million receipts, or verify a"
                " shorter period"
            ) from error

    def _open(self) -> None:
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        for setting in (
            "journal_mode = OFF",  # nobody needs it after a crash
            "synchronous = OFF",
            "temp_store = FILE",  # the merge's runs too
            f"cache_size = -{_CACHE_KIBIBYTES}",
        ):
            self._database.execute(f"PRAGMA {setting}")
        self._database.execute(
            "CREATE TABLE seen (feedback BLOB, kind INT, at INT, first INT, second INT, words TEXT)"
        )

    def _insert(self, rows: Sequence[Row]) -> None:
        database = self._connected()
        database.execute("BEGIN")
        database.executemany("INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.execute("COMMIT")

    def _sort(self) -> None:
        self._cursor = self._connected().execute("SELECT * FROM seen ORDER BY feedback")

    def _fetch(self) -> list[Any]:
        assert self._cursor is not None
        return self._cursor.fetchmany(_FETCHED)

    def _close(self) -> None:
        self._cursor = None
        if self._database is not None:
            self._database.close()

    def _connected(self) -> sqlite3.Connection:
        assert self._database is not None
        return self._database


def _feedback(row: Any) -> bytes:
    key: bytes = row[0]
    return key
