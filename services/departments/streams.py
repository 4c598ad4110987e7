"""`GET /v1/streams`: topic streams by policy area, as Server-Sent Events that resume by cursor."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from time import monotonic
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from schemas.policy_areas import PolicyAreas
from services.departments.access import Access
from services.departments.settings import DepartmentsSettings
from services.departments.stream_log import (
    Interest,
    MalformedCursor,
    Positions,
    StreamLog,
    read_cursor,
    write_cursor,
)
from services.departments.tail import Tail, event_frame
from services.runtime.errors import Unavailable, classify
from services.runtime.metrics import Metrics
from services.runtime.problem import Problem, unavailable

STREAMS_PATH = "/v1/streams"

_RETRY_MILLISECONDS = 3_000
_REACH_SECONDS = 1.0
_PAGE = 500

log = structlog.get_logger(__name__)


class StreamRoutes:
    """Streams for any department's key."""

    def __init__(
        self,
        access: Access,
        stream_log: StreamLog,
        tail: Tail,
        areas: PolicyAreas,
        settings: DepartmentsSettings,
        stopping: asyncio.Event,
        metrics: Metrics,
    ) -> None:
        self._access = access
        self._log = stream_log
        self._tail = tail
        self._areas = areas
        self._settings = settings
        self._stopping = stopping
        self._metrics = metrics
        self._open = 0

    async def stream(self, request: Request) -> Response:
        """Everything after `Last-Event-ID`, or after now; then whatever comes."""
        department = await self._access.read_streams(request)
        interest = Interest(department.code, self._read_areas(request))
        resumed = _read_last_event_id(request)
        if self._open >= self._settings.stream_clients or self._stopping.is_set():
            raise unavailable("No further stream can be opened here. Try again shortly.")
        expired = resumed is not None and not await self._log.can_resume(resumed)
        if expired:
            resumed = None
        await self._tail.reach(resumed or {}, _REACH_SECONDS)
        start = self._tail.positions if resumed is None else resumed
        opening = _reset(start) if expired else _opening(start)
        frames = self._while_allowed(request, self._frames(interest, start, opening))
        return EventStream(self._counted(interest, frames), self._settings.stream_send_seconds)

    def _read_areas(self, request: Request) -> frozenset[str]:
        areas = request.query_params.getlist("area")
        for area in areas:
            if area not in self._areas:
                known = ", ".join(self._areas.slugs)
                raise Problem(
                    422,
                    "Unknown policy area",
                    f"No policy area has the slug {area[:100]!r}. There are: {known}.",
                )
        return frozenset(areas)

    async def _counted(
        self, interest: Interest, frames: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        """Passes frames on, counts the stream while it lasts, and says in one line how it went."""
        started, sent = monotonic(), 0
        self._open += 1
        self._metrics.stream_clients.inc()
        reason = "client left"
        try:
            async with aclosing(frames):
                async for frame in frames:
                    sent += len(frame)
                    yield frame
            reason = "stopping" if self._stopping.is_set() else "client too slow"
        except Problem as problem:
            reason = problem.title  # the client learns of it when it comes again
        except Unavailable as error:
            reason = str(classify(error))  # the client comes again, with its cursor
        finally:
            self._open -= 1
            self._metrics.stream_clients.dec()
            log.info(
                "stream ended",
                action="stream",
                department=interest.department,
                areas=sorted(interest.areas),
                seconds=round(monotonic() - started, 3),
                bytes=sent,
                reason=reason,
            )

    async def _while_allowed(
        self, request: Request, frames: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        """Passes frames on, and asks once per heartbeat whether the key is still good.

        Raises a 401 or 403 `Problem` when it is not; that nobody can say ends no stream.
        """
        asked = monotonic()
        async with aclosing(frames):
            async for frame in frames:
                if monotonic() - asked >= self._settings.stream_heartbeat_seconds:
                    with suppress(Unavailable):
                        await self._access.read_streams(request)
                    asked = monotonic()
                yield frame

    async def _frames(
        self, interest: Interest, start: Positions, opening: bytes
    ) -> AsyncGenerator[bytes, None]:
        """From the log up to the tail; from there with everyone else."""
        yield opening
        place = dict(start)
        async for frames in self._catch_up(interest, place):
            yield frames
        with self._tail.listen(interest) as listener:
            async for frames in self._catch_up(interest, place):  # what came during the first
                yield frames
            while not self._stopping.is_set():
                frames = await listener.frames(self._settings.stream_heartbeat_seconds)
                if frames:
                    yield frames
                if listener.ended:
                    return
                if not frames:
                    yield _heartbeat(self._tail.positions)

    async def _catch_up(
        self, interest: Interest, place: dict[int, int]
    ) -> AsyncGenerator[bytes, None]:
        """Reads from `place` to where the tail is now; `place` moves along."""
        for partition, end in self._tail.positions.items():
            while (start := place.get(partition, 0)) < end and not self._stopping.is_set():
                entries = await self._log.read(partition, start, end, _PAGE)
                frames = []
                for entry in entries:
                    place[partition] = entry.offset + 1
                    if interest.covers(entry):
                        frames.append(event_frame(entry, place))
                if len(entries) < _PAGE:
                    place[partition] = end
                if frames:
                    yield b"".join(frames)


class EventStream(Response):
    """Sends frames until they end, the client goes away, or it takes too long to take one."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncGenerator[bytes, None], send_seconds: float) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._frames = frames
        self._send_seconds = send_seconds

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one client; the frames are closed when it returns."""
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        tasks: set[asyncio.Task[Any]] = {
            asyncio.create_task(self._send_all(send)),
            asyncio.create_task(_until_gone(receive)),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in done:
            task.result()

    async def _send_all(self, send: Send) -> None:
        async with aclosing(self._frames) as frames:
            async for frame in frames:
                try:
                    async with asyncio.timeout(self._send_seconds):
                        await send({"type": "http.response.body", "body": frame, "more_body": True})
                except TimeoutError:  # the server closes the connection
                    return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _read_last_event_id(request: Request) -> dict[int, int] | None:
    cursor = request.headers.get("last-event-id")
    if not cursor:
        return None
    try:
        return read_cursor(cursor)
    except MalformedCursor:
        raise Problem(
            400,
            "Malformed cursor",
            "Last-Event-ID is not the id of an event of this stream. Send one as it was received,"
            " or none to start from now.",
        ) from None


def _opening(start: Positions) -> bytes:
    """How long to wait before coming again, and the cursor of a stream that has had no event."""
    return f"retry: {_RETRY_MILLISECONDS}\nid: {write_cursor(start)}\n\n".encode()


def _reset(start: Positions) -> bytes:
    """Tells that events may be missing between the client's cursor and this one."""
    reason = "The cursor is older than what is kept: events after it are missing here."
    return (
        f"retry: {_RETRY_MILLISECONDS}\nid: {write_cursor(start)}\nevent: reset\n"
        f'data: {{"reason": "{reason}"}}\n\n'
    ).encode()


def _heartbeat(positions: Positions) -> bytes:
    """Keeps the connection open and the cursor of a quiet stream young."""
    return f": still here\nid: {write_cursor(positions)}\n\n".encode()
