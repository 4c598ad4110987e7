"""Concurrent calls share one piece of work, and each gets its own results or error."""

import asyncio
from collections.abc import Sequence

import pytest

from services.intake.grouping import Grouping
from services.runtime.errors import Unavailable
from tests.waiting import until


class Work:
    """Doubles numbers, when it is let; keeps the size of each run."""

    def __init__(self) -> None:
        self.runs: list[int] = []
        self.go = asyncio.Event()
        self.error: Exception | None = None
        self.under_way = 0
        self.most_under_way = 0

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.runs.append(len(items))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await self.go.wait()
        self.under_way -= 1
        if self.error:
            raise self.error
        return [2 * item for item in items]


async def test_what_gathers_while_a_run_goes_on_is_the_next_run() -> None:
    work = Work()
    grouping = Grouping(work, most=100)
    first = asyncio.create_task(grouping.do([1]))
    await until(lambda: work.runs, "the first run")
    others = [asyncio.create_task(grouping.do([n, n + 1])) for n in range(10)]
    await asyncio.sleep(0)
    work.go.set()
    assert list(await first) == [2]
    assert [list(await each) for each in others] == [[2 * n, 2 * n + 2] for n in range(10)]
    assert work.runs == [1, 20]


async def test_a_lone_call_waits_for_no_one() -> None:
    work = Work()
    work.go.set()
    grouping = Grouping(work, most=100)
    for number in range(5):
        assert list(await grouping.do([number])) == [2 * number]
    assert work.runs == [1] * 5


async def test_a_run_has_no_more_than_it_may_unless_one_call_has() -> None:
    work = Work()
    work.go.set()
    grouping = Grouping(work, most=10)
    calls = [list(range(size)) for size in (4, 4, 4, 25, 1)]
    results = await asyncio.gather(*[grouping.do(call) for call in calls])
    assert [list(each) for each in results] == [[2 * n for n in call] for call in calls]
    assert work.runs == [8, 4, 25, 1]


async def test_one_run_is_under_way_at_a_time() -> None:
    work = Work()
    grouping = Grouping(work, most=1)
    calls = [asyncio.create_task(grouping.do([n])) for n in range(20)]
    await until(lambda: work.under_way == 1, "a run")
    work.go.set()
    await asyncio.gather(*calls)
    assert work.most_under_way == 1
    await grouping.drain()


async def test_an_error_reaches_the_callers_of_its_run_alone() -> None:
    work = Work()
    work.error = ValueError("bad")
    grouping = Grouping(work, most=1)
    first, second = (asyncio.create_task(grouping.do([n])) for n in range(2))
    await until(lambda: work.runs, "the first run")
    work.go.set()
    with pytest.raises(ValueError, match="bad"):
        await first
    with pytest.raises(ValueError, match="bad"):
        await second
    assert work.runs == [1, 1]


async def test_an_outage_is_told_to_everyone_who_waits_at_once() -> None:
    work = Work()
    work.error = Unavailable("gone")
    grouping = Grouping(work, most=1)
    calls = [asyncio.create_task(grouping.do([n])) for n in range(50)]
    await until(lambda: work.runs, "the first run")
    work.go.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(each, Unavailable) for each in results)
    assert work.runs == [1]


async def test_a_caller_that_gave_up_harms_no_other() -> None:
    work = Work()
    grouping = Grouping(work, most=100)
    calls = [asyncio.create_task(grouping.do([n])) for n in range(3)]
    await until(lambda: work.runs, "the first run")
    calls[1].cancel()
    work.go.set()
    assert list(await calls[0]) == [0]
    assert list(await calls[2]) == [4]


async def test_calls_that_come_as_a_run_ends_are_taken() -> None:
    work = Work()
    work.go.set()
    grouping = Grouping(work, most=100)

    async def often() -> None:
        for number in range(200):
            async with asyncio.timeout(5):
                assert list(await grouping.do([number])) == [2 * number]

    await asyncio.gather(*[often() for _ in range(10)])
