"""Reads the log's end once for a whole process, and gives what comes to every live stream."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

import structlog

from services.departments.stream_log import (
    Entry,
    Interest,
    Positions,
    StreamLog,
    is_behind,
    write_cursor,
)
from services.runtime.background import Background
from services.runtime.errors import Unavailable, classify
from services.runtime.health import Health

STALLED_SECONDS = 60.0
_PART = "stream log"
_PAGE = 500

log = structlog.get_logger(__name__)


class Listener:
    """A live stream's end of the tail: what its client may see, in a bounded buffer."""

    def __init__(self, interest: Interest, most: int) -> None:
        self._interest = interest
        self._most = most
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()
        self._ended = asyncio.Event()

    @property
    def ended(self) -> bool:
        """The process stops, or the client fell too far behind: it resumes by its cursor."""
        return self._ended.is_set()

    def offer(self, entry: Entry, frame: bytes) -> None:
        """Keeps a frame for the client."""
        if self._ended.is_set() or not self._interest.covers(entry):
            return
        if self._frames.qsize() >= self._most:
            self.end()
        else:
            self._frames.put_nowait(frame)

    def end(self) -> None:
        """Lets the stream end once its client has what is in the buffer."""
        self._ended.set()
        self._frames.put_nowait(b"")  # wakes whoever waits

    async def frames(self, silence_seconds: float) -> bytes:
        """What has come, joined; nothing when it stayed silent for so long, or ended."""
        frames: list[bytes] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(silence_seconds):
                frames.append(await self._frames.get())
        while not self._frames.empty():
            frames.append(self._frames.get_nowait())
        return b"".join(frames)


class Tail(Background):
    """Follows the watermarks of the log; `positions` is how far every listener has been served.

    Looks when this process has logged something, and at each poll for what other processes have.
    """

    def __init__(
        self, stream_log: StreamLog, poll_seconds: float, buffer_events: int, health: Health
    ) -> None:
        self._log = stream_log
        self._poll_seconds = poll_seconds
        self._buffer_events = buffer_events
        self._health = health
        self._progress = health.watch(_PART, STALLED_SECONDS)
        self._positions: dict[int, int] = {}
        self._listeners: set[Listener] = set()
        self._nudged = asyncio.Event()
        self._advanced = asyncio.Condition()
        self._placed = False
        self._closed = False

    async def __aenter__(self) -> Self:
        self._health.not_ready(_PART, "not read yet")
        return await super().__aenter__()

    async def __aexit__(self, *_: object) -> None:
        self.close()
        await self._end()

    def nudge(self) -> None:
        """There is more to read."""
        self._nudged.set()

    def close(self) -> None:
        """Ends every stream: the process stops."""
        self._closed = True
        for listener in self._listeners:
            listener.end()

    @property
    def positions(self) -> Positions:
        """How far the log has been read: a copy."""
        return dict(self._positions)

    @contextmanager
    def listen(self, interest: Interest) -> Iterator[Listener]:
        """A listener that gets whatever comes after `positions` as they are now."""
        listener = Listener(interest, self._buffer_events)
        self._listeners.add(listener)
        if self._closed:
            listener.end()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    @property
    def listeners(self) -> int:
        """How many streams are live."""
        return len(self._listeners)

    async def reach(self, positions: Positions, seconds: float) -> None:
        """Waits until the tail is as far as positions that another process has given out.

        Raises `Unavailable` when it does not get there in time.
        """
        self.nudge()
        try:
            async with asyncio.timeout(seconds), self._advanced:
                await self._advanced.wait_for(
                    lambda: self._placed and not is_behind(self._positions, positions)
                )
        except TimeoutError:
            raise Unavailable("the stream log is not read yet") from None

    async def _run(self) -> None:
        while True:
            self._nudged.clear()
            try:
                await self._follow()
            except Exception as error:  # noqa: BLE001 - the loop must come round whatever happens
                reason = str(classify(error))
                self._health.not_ready(_PART, reason)
                log.warning("stream log waits", action="tail", reason=reason)
            else:
                self._health.ready(_PART)
            self._progress.mark()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._nudged.wait()

    async def _follow(self) -> None:
        """Reads up to the watermarks, or goes there at once when nobody listens."""
        marks = await self._log.watermarks()
        if self._placed:
            for partition in sorted(marks):
                await self._catch_up(partition, marks[partition])
        else:
            self._positions = marks
            self._placed = True
        async with self._advanced:
            self._advanced.notify_all()

    async def _catch_up(self, partition: int, end: int) -> None:
        while (start := self._positions.get(partition, 0)) < end:
            entries: list[Entry] = []
            if self._listeners:
                entries = await self._log.read(partition, start, end, _PAGE)
            for entry in entries:
                self._give(entry)
            if len(entries) < _PAGE:
                self._positions[partition] = end

    def _give(self, entry: Entry) -> None:
        """To everyone at once, so that the cursor in the frame is right for each listener."""
        self._positions[entry.partition] = entry.offset + 1
        frame = event_frame(entry, self._positions)
        for listener in self._listeners:
            listener.offer(entry, frame)


def event_frame(entry: Entry, positions: Positions) -> bytes:
    """A Server-Sent Event whose id is the place after it."""
    cursor = write_cursor(positions)
    return f"id: {cursor}\nevent: feedback.routed\ndata: {entry.event}\n\n".encode()
