"""Measures the disk that the ledger of `verify` needs for each receipt, rows and sort together:
`python -m tests.benchmarks.ledger 1000000`.
"""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from services.console.verification.evidence import (
    Kind,
    Row,
    decision_row,
    queued_row,
    receipt_row,
    record_row,
)
from services.console.verification.ledger import Ledger
from services.receipts.receipt import Accepted
from services.routing.decision import Decided
from tests.builders import NOON, feedback_id, reference

_CHUNK = 5_000
_TIMESTAMP = int(NOON.timestamp() * 1000)


async def measure(receipts: int) -> None:
    """Writes what a feedback leaves on its way to two departments that both acknowledge it."""
    rows = 0
    async with Ledger() as ledger:
        for part in range(len(_rows(0))):
            for first in range(0, receipts, _CHUNK):
                numbers = range(first, min(receipts, first + _CHUNK))
                rows += len(numbers)
                await ledger.write([_rows(number)[part] for number in numbers])
        written = _bytes_on_disk()
        reading = asyncio.create_task(_read(ledger))
        most = written
        while not reading.done():
            await asyncio.wait({reading}, timeout=0.05)
            most = max(most, _bytes_on_disk())
        await reading
    print(
        f"{receipts:,} receipts, {rows:,} rows: {written / receipts:.0f} bytes a receipt written,"
        f" {most / receipts:.0f} with the sort;"
        f" {psutil.Process().memory_info().rss / 2**20:.0f} MiB of memory"
    )


async def _read(ledger: Ledger) -> None:
    async for _ in ledger.groups(1_000):
        pass


def _rows(number: int) -> list[Row | None]:
    name = feedback_id(number)
    records = (Kind.RECEIVED, Kind.TAGGED, Kind.ROUTED, Kind.PROGRESSED, Kind.PROGRESSED)
    return [
        receipt_row(Accepted(name, reference(number), NOON, NOON)),
        decision_row(Decided(name, ("DWP", "MHCLG"), NOON)),
        queued_row(name),
        *(record_row(kind, name.encode(), (3, number, _TIMESTAMP), None) for kind in records),
    ]


def _bytes_on_disk() -> int:
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if "etilqs" in str(each.readlink()):
                found += each.stat().st_size
    return found


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1])))
