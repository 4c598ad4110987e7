"""Lets concurrent calls share one piece of work: what gathers while a run goes on is the next."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.runtime.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Call(Generic[Item, Result]):
    """What one caller asked for, and where it waits."""

    items: Sequence[Item]
    answer: "asyncio.Future[Sequence[Result]]"


class Grouping(Generic[Item, Result]):
    """Runs `work` on the items of all callers that wait; alone, a caller waits for no one.

    `work` gets up to about `most` items and returns a result for each, in order. At most `parallel`
    runs are under way at once. When a run raises, its callers get the error; after `Unavailable`
    so does everyone who waits, because the next run would only make them wait longer for the same.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        most: int,
        parallel: int,
    ) -> None:
        self._work = work
        self._most = most
        self._parallel = parallel
        self._waiting: deque[_Call[Item, Result]] = deque()
        self._running = 0
        self._runs: set[asyncio.Task[None]] = set()

    async def do(self, items: Sequence[Item]) -> Sequence[Result]:
        """The results of these items, once a run has taken them along."""
        call: _Call[Item, Result] = _Call(items, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._running < self._parallel:
            self._running += 1
            run = asyncio.create_task(self._run())
            self._runs.add(run)
            run.add_done_callback(self._runs.discard)
        return await call.answer

    async def drain(self) -> None:
        """Returns when nothing is under way."""
        while self._runs:
            await asyncio.wait(self._runs)

    async def _run(self) -> None:
        while self._waiting:
            calls = self._take()
            try:
                results = await self._work([item for call in calls for item in call.items])
            except Exception as error:  # noqa: BLE001 - it is the callers' to handle
                if isinstance(error, Unavailable):
                    calls += self._waiting
                    self._waiting.clear()
                _fail(calls, error)
            else:
                _answer(calls, results)
        self._running -= 1

    def _take(self) -> list[_Call[Item, Result]]:
        """The calls that waited longest, up to the size of a run."""
        calls = [self._waiting.popleft()]
        size = len(calls[0].items)
        while self._waiting and size + len(self._waiting[0].items) <= self._most:
            calls.append(self._waiting.popleft())
            size += len(calls[-1].items)
        return calls


def _answer(calls: Sequence[_Call[Item, Result]], results: Sequence[Result]) -> None:
    start = 0
    for call in calls:
        end = start + len(call.items)
        if not call.answer.done():
            call.answer.set_result(results[start:end])
        start = end


def _fail(calls: Sequence[_Call[Item, Result]], error: Exception) -> None:
    for call in calls:
        if not call.answer.done():
            call.answer.set_exception(error)
