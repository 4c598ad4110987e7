"""Lets everyone who pulls in one process share a department's claims, and wait together."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from services.queues.store import LeasedItem, QueueStore
from services.runtime.errors import ConsumeError, classify

_LARGEST_CLAIM = 1_000


@dataclass(slots=True)
class _Puller:
    """One call of `receive` that has not been answered."""

    max_items: int
    visibility_seconds: float
    until: float
    answer: asyncio.Future[list[LeasedItem]]


class _Queue:
    """Who pulls from one department now. Its task lives while anybody does."""

    def __init__(self) -> None:
        self.pullers: list[_Puller] = []
        self.arrived = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class Pullers:
    """Receives for many at once: one claim at a time per department, its items shared out in the
    order of asking, so that pullers of a process never compete for the same items.

    Those who wait cost one look at the queue per `poll_seconds`, however many they are.
    """

    def __init__(self, store: QueueStore, *, poll_seconds: float = 0.2) -> None:
        self._store = store
        self._poll_seconds = poll_seconds
        self._queues: dict[str, _Queue] = {}
        self._closed = False

    async def receive(
        self, department: str, max_items: int, visibility_seconds: float, wait_seconds: float = 0
    ) -> list[LeasedItem]:
        """As `QueueStore.receive`; on an empty queue waits for items, up to `wait_seconds`."""
        queue = self._queues.setdefault(department, _Queue())
        answer: asyncio.Future[list[LeasedItem]] = asyncio.get_running_loop().create_future()
        until = monotonic() + wait_seconds
        queue.pullers.append(_Puller(max_items, visibility_seconds, until, answer))
        queue.arrived.set()
        if queue.task is None or queue.task.done():
            queue.task = asyncio.create_task(self._serve(department, queue))
        try:
            return await answer
        except asyncio.CancelledError:
            if not answer.cancelled() and answer.exception() is None:  # answered, and then left
                with suppress(ConsumeError):  # else the items come back when their leases end
                    leases = [each.lease for each in answer.result()]
                    await self._store.give_back(department, leases)
            raise

    def close(self) -> None:
        """Lets nobody wait any longer: whoever does, is answered after one last look."""
        self._closed = True
        for queue in self._queues.values():
            queue.arrived.set()

    async def _serve(self, department: str, queue: _Queue) -> None:
        """Claims until everyone is answered."""
        while present := [each for each in queue.pullers if not each.answer.done()]:
            queue.pullers = list(present)
            queue.arrived.clear()
            try:
                empty = await self._claim(department, _first_alike(present))
            except Exception as error:  # noqa: BLE001 - whoever asks learns of it, classified
                # those who came meanwhile too: they would wait for the same deadline once more
                _fail(queue.pullers, classify(error))
                empty = False
            if empty:  # for all who are present: those after the first would get nothing either
                self._answer_late(present)
                await self._pause(queue)

    async def _claim(self, department: str, pullers: Sequence[_Puller]) -> bool:
        """One claim for all; says whether the queue had less than they want."""
        wanted = sum(each.max_items for each in pullers)
        items = await self._store.receive(department, wanted, pullers[0].visibility_seconds)
        empty = len(items) < wanted
        for puller in pullers:
            if items and not puller.answer.done():
                puller.answer.set_result(items[: puller.max_items])
                items = items[puller.max_items :]
        if items:  # whose puller went away while we claimed
            await self._store.give_back(department, [each.lease for each in items])
        return empty

    def _answer_late(self, pullers: Sequence[_Puller]) -> None:
        now = monotonic()
        for puller in pullers:
            if not puller.answer.done() and (self._closed or puller.until <= now):
                puller.answer.set_result([])

    async def _pause(self, queue: _Queue) -> None:
        """Until it is time to look again, or somebody new asks."""
        waiting = [each.until for each in queue.pullers if not each.answer.done()]
        next_end = min(waiting, default=0) - monotonic()
        try:
            async with asyncio.timeout(min(self._poll_seconds, max(next_end, 0))):
                await queue.arrived.wait()
        except TimeoutError:
            return


def _first_alike(pullers: Sequence[_Puller]) -> list[_Puller]:
    """The first and those who want the same visibility, as many as one claim serves."""
    chosen: list[_Puller] = []
    wanted = 0
    for each in pullers:
        if each.visibility_seconds == pullers[0].visibility_seconds:
            wanted += each.max_items
            if chosen and wanted > _LARGEST_CLAIM:
                break
            chosen.append(each)
    return chosen


def _fail(pullers: Sequence[_Puller], error: ConsumeError) -> None:
    for puller in pullers:
        if not puller.answer.done():
            puller.answer.set_exception(error)
