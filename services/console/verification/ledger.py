"""What was seen, kept in a file and given back feedback by feedback; memory stays bounded."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from services.console.verification.evidence import Row

_CACHE_KIBIBYTES = 16_384
_FETCHED = 10_000

Group = tuple[bytes, list[Row]]


class Ledger:
    """A table that is written in any order and read once, sorted, by a merge on disk.

    An asynchronous context manager; the file is in the folder of temporary files (`TMPDIR`) and
    goes with it. It needs about 100 bytes a row. SQLite works in threads: the loop goes on.
    """

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="verify-", ignore_cleanup_errors=True)
        self._database: sqlite3.Connection | None = None

    async def __aenter__(self) -> "Ledger":
        self._database = await asyncio.to_thread(self._open)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._database is not None:
            await asyncio.to_thread(self._database.close)
        await asyncio.to_thread(self._folder.cleanup)

    async def write(self, rows: Iterable[Row | None]) -> int:
        """Keeps what there is among the rows; says how many were none."""
        given = list(rows)
        kept = [row for row in given if row is not None]
        await asyncio.to_thread(self._insert, kept)
        return len(given) - len(kept)

    async def groups(self, size: int) -> AsyncIterator[list[Group]]:
        """All rows by feedback, `size` feedbacks at a time, in the order of their ids."""
        cursor = await asyncio.to_thread(self._sorted)
        chunk: list[Group] = []
        rest: list[Row] = []  # of a feedback whose rows may go on in what is fetched next
        while fetched := await asyncio.to_thread(cursor.fetchmany, _FETCHED):
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

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(
            Path(self._folder.name) / "ledger", check_same_thread=False, isolation_level=None
        )
        for setting in (
            "journal_mode = OFF",  # nobody needs it after a crash
            "synchronous = OFF",
            "temp_store = FILE",  # the merge's runs too
            f"cache_size = -{_CACHE_KIBIBYTES}",
        ):
            database.execute(f"PRAGMA {setting}")
        database.execute(
            "CREATE TABLE seen (feedback BLOB, kind INT, at INT, first INT, second INT, words TEXT)"
        )
        return database

    def _insert(self, rows: Sequence[Row]) -> None:
        database = self._connected()
        database.execute("BEGIN")
        database.executemany("INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.execute("COMMIT")

    def _sorted(self) -> sqlite3.Cursor:
        return self._connected().execute("SELECT * FROM seen ORDER BY feedback")

    def _connected(self) -> sqlite3.Connection:
        assert self._database is not None
        return self._database


def _feedback(row: Any) -> bytes:
    key: bytes = row[0]
    return key
