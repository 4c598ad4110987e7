"""Measures two ways of doing the same, alternating in one run; the ratio is what is reported."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

Rate = Callable[[], Awaitable[float]]


class Stopwatch:
    """Times from the first batch to the last record: joining a group is not what is measured."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._started = 0.0
        self._first = 0
        self._count = 0
        self.rate: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def count(self, records: int) -> None:
        if not self._started:
            self._started, self._first = perf_counter(), records
        self._count += records
        if self._count >= self._expected and not self.rate.done():
            measured = self._count - self._first
            self.rate.set_result(measured / (perf_counter() - self._started))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a ratio or a time against its goal."""

    name: str
    what: str
    figure: str
    goal: str
    reached: bool
    detail: str


async def compare(
    name: str, what: str, ours: Rate, raw: Rate, goal: float, repeats: int = 5, unit: str = "/s"
) -> Row:
    """Runs both ways in turn, once to warm up, and compares the medians of what they return."""
    await raw()
    await ours()
    pairs = []
    for turn in range(repeats):
        first, second = (ours, raw) if turn % 2 else (raw, ours)
        results = {first: await first()}
        results[second] = await second()
        pairs.append((results[ours], results[raw]))
    ratios = sorted(mine / other for mine, other in pairs)
    ratio = median(ratios)
    mine, other = (median(values) for values in zip(*pairs, strict=True))
    return Row(
        name,
        what,
        f"{ratio:.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})",
        f"{goal:.2f}",
        ratio >= goal,
        f"{mine:,.0f} against {other:,.0f} {unit}",
    )


def print_rows(rows: list[Row]) -> None:
    """Prints the table; the ratio's spread in brackets."""
    print(f"\n{'':5}{'measured':58}{'ratio or time':>22}{'goal':>10}  reached  figures")
    for row in rows:
        reached = "yes" if row.reached else "NO"
        print(f"{row.name:5}{row.what:58}{row.figure:>22}{row.goal:>10}  {reached:7}  {row.detail}")
