"""Route of the verification: faults are streamed as they are found, one JSON document a line."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Query
from pydantic_core import to_json
from starlette.responses import Response, StreamingResponse

from services.console.api.problems import problem_of, problems
from services.console.connections import Connections
from services.console.errors import Refusal, WrongInput
from services.console.operations.verification import Verification, verify
from services.console.periods import read_duration, read_time
from services.console.verification.fault import Fault
from services.runtime.errors import Unavailable
from services.runtime.problem import Problem

_PROGRESS_SECONDS = 1.0
_MOST_PENDING = 20_000

log = structlog.get_logger(__name__)

Text = Annotated[str, Query(max_length=100)]


class VerificationRoutes:
    """Whether everything is accounted for."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._running: _Running | None = None

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(tags=["verification"])
        router.add_api_route(
            "/v1/verification",
            self.verification,
            responses={
                200: {
                    "description": "One JSON document a line: `fault` for each that is found,"
                    " `progress` with `done` and `of` each second, at the end `verification`, or"
                    " `problem` when it could not be finished.",
                    "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
                },
                **problems(409, 422),
            },
            response_class=StreamingResponse,
        )
        return router

    async def verification(
        self,
        since: Text = "24h",
        until: Text | None = None,
        settle: Text = "60s",
        leases: Text = "1h",
    ) -> Response:
        """Compares receipts, topics, queues and dead letters over a period; `since` is a time, or
        how long before now. An item whose lease expired longer than `leases` ago is named.
        """
        try:
            start = _since(since)
            end = read_time(until) if until is not None else None
            settled = read_duration(settle)
            grace = read_duration(leases)
        except ValueError as error:
            raise WrongInput(str(error)) from None
        if self._running is not None and not self._running.ended:
            raise Problem(
                409, "Busy", "Another verification is running: it reads much. Wait until it ends."
            )
        self._running = running = _Running(
            partial(verify, self._connections, start, end, settled, grace)
        )
        first = await running.first()  # a period that is refused is refused with its status
        return StreamingResponse(running.lines(first), media_type="application/x-ndjson")


class _Running:
    """A verification and the lines that its client has not read yet."""

    def __init__(self, verification: Callable[..., Awaitable[Verification]]) -> None:
        """`verification` is told where its faults and its progress go."""
        self._lines: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._told = 0.0
        self._task: asyncio.Task[None] = asyncio.create_task(self._run(verification))

    @property
    def ended(self) -> bool:
        """Whether it has stopped reading."""
        return self._task.done()

    async def _run(self, verification: Callable[..., Awaitable[Verification]]) -> None:
        try:
            done = await verification(found=self._found, progress=self._progress)
            self._lines.put_nowait({"verification": done})
        finally:
            self._lines.put_nowait(None)

    def _found(self, fault: Fault) -> None:
        if self._lines.qsize() > _MOST_PENDING:
            raise WrongInput("The faults are not read as fast as they are found: read faster")
        self._lines.put_nowait({"fault": fault})

    def _progress(self, done: float, of: float | None) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told >= _PROGRESS_SECONDS:
            self._told = now
            self._lines.put_nowait({"progress": {"done": done, "of": of}})

    async def first(self) -> dict[str, Any]:
        """The first line; raises what kept it from there being one."""
        try:
            line = await self._lines.get()
            if line is None:
                await self._task
        except BaseException:
            await self._end()
            raise
        assert line is not None
        return line

    async def lines(self, first: dict[str, Any]) -> AsyncIterator[bytes]:
        """Every line; a client that goes away ends the verification."""
        line: dict[str, Any] | None = first
        try:
            while line is not None:
                yield to_json(line, timedelta_mode="float") + b"\n"
                line = await self._lines.get()
            if (problem := self._problem()) is not None:
                yield to_json({"problem": problem}) + b"\n"
        finally:
            await self._end()

    def _problem(self) -> dict[str, Any] | None:
        """Why it could not be finished; the status had been sent by then."""
        error = None if self._task.cancelled() else self._task.exception()
        if isinstance(error, Refusal | Unavailable):
            return problem_of(error).document()
        if error is not None:
            log.error("verification failed", action="verify", exc_info=error)
            return {"title": "Internal error", "detail": "The fault is ours and has been logged."}
        return None

    async def _end(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._task


def _since(text: str) -> datetime | timedelta:
    with suppress(ValueError):
        return read_duration(text)
    with suppress(ValueError):
        return read_time(text)
    raise WrongInput(f"{text!r} is neither a duration such as 24h nor a time: 2026-11-24T13:56")
