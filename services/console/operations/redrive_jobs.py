"""Redrives that run in this process beside whoever ordered them."""

import asyncio
from types import TracebackType

import structlog

from services.console.connections import Connections
from services.console.errors import NotFound, Refusal
from services.console.operations.dead_letters import shown
from services.console.operations.redrive_orders import RedriveOrder
from services.console.operations.redrives import redrive_letters
from services.console.operator import Operator
from services.deadletters.redrive import Redrive
from services.deadletters.redrive_store import MongoRedriveStore
from services.runtime.errors import Unavailable

log = structlog.get_logger(__name__)


class RedriveJobs:
    """An async context manager: its end interrupts what runs. Interrupted, by that or because Kafka
    or MongoDB is away, a redrive goes on when it is ordered again by its name.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._tasks: set[asyncio.Task[Redrive]] = set()

    async def __aenter__(self) -> "RedriveJobs":
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def start(self, order: RedriveOrder, *, operator: Operator, reason: str) -> Redrive:
        """Begins a redrive, or goes on with it; returns once it runs, or as it ended.

        Raises as `redrive_letters` does, as far as it is refused before it runs.
        """
        begun: asyncio.Future[Redrive] = asyncio.get_running_loop().create_future()

        def progress(redrive: Redrive) -> None:
            if not begun.done():
                begun.set_result(redrive)

        task = asyncio.create_task(
            redrive_letters(
                self._connections, order, operator=operator, reason=reason, progress=progress
            )
        )
        self._tasks.add(task)
        await asyncio.wait({task, begun}, return_when=asyncio.FIRST_COMPLETED)
        if not begun.done():
            self._tasks.discard(task)
            begun.cancel()
            return task.result()
        task.add_done_callback(self._ended)
        return begun.result()

    def _ended(self, task: asyncio.Task[Redrive]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            redrive = task.result()
            log.info("redrive ended", action="redrive", name=redrive.name, state=redrive.state)
        elif isinstance(error, Refusal | Unavailable):
            log.warning("redrive interrupted", action="redrive", reason=str(error))
        else:
            log.error("redrive failed", action="redrive", exc_info=error)


async def show_redrive(connections: Connections, name: str) -> Redrive:
    """How a redrive stands; raises `NotFound`."""
    redrive = await MongoRedriveStore(connections.database).find(name)
    if redrive is None:
        raise NotFound(f"There is no redrive {shown(name)}: dead-letters redrives lists them")
    return redrive
