"""Lets concurrent calls share one piece of work: what gathers while a run goes on is the next."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from services.runtime.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Grouping(Generic[Item, Result]):
    """Runs `work` on the items of all callers that wait; alone, a caller waits for no one.

    One run is under way at a time: a second beside it makes both smaller, and was slower. `work`
    gets up to `most` items, more only when one call has more, and returns a result for each, in
    order. When a run raises, its callers get the error; after `Unavailable` so does everyone who
    waits, because the next run would only make them wait longer for the same.
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], most: int
    ) -> None:
        self._work = work
        self._most = most
        self._waiting: deque[tuple[Sequence[Item], asyncio.Future[Sequence[Result]]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def do(self, items: Sequence[Item]) -> Sequence[Result]:
        """The results of these items, once a run has taken them along."""
        answer: asyncio.Future[Sequence[Result]] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await answer

    async def drain(self) -> None:
        """Returns when nothing is under way."""
        while self._running is not None:
            await asyncio.wait({self._running})

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._run_once()
        finally:
            self._running = None

    async def _run_once(self) -> None:
        calls = self._take()
        try:
            results = await self._work([item for items, _ in calls for item in items])
        except Exception as error:  # noqa: BLE001 - it is the callers' to handle
            if isinstance(error, Unavailable):
                calls += self._waiting
                self._waiting.clear()
            for _, answer in calls:
                if not answer.done():
                    answer.set_exception(error)
            return
        start = 0
        for items, answer in calls:
            end = start + len(items)
            if not answer.done():
                answer.set_result(results[start:end])
            start = end

    def _take(self) -> list[tuple[Sequence[Item], "asyncio.Future[Sequence[Result]]"]]:
        """The calls that waited longest, up to the size of a run."""
        calls = [self._waiting.popleft()]
        size = len(calls[0][0])
        while self._waiting and size + len(self._waiting[0][0]) <= self._most:
            calls.append(self._waiting.popleft())
            size += len(calls[-1][0])
        return calls
