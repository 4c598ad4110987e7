"""A stream's response ends with its frames, with its client, or when the client takes nothing."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from services.departments.streams import EventStream
from tests.waiting import until


class Client:
    """The other end of an ASGI connection."""

    def __init__(self, takes: int = 100) -> None:
        self.messages: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        self.takes = takes

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if len(self.messages) == self.takes:
            await asyncio.Event().wait()
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(each.get("body", b"") for each in self.messages)


class Frames:
    """A few frames, then silence; knows when it was closed."""

    def __init__(self, *frames: bytes, endless: bool = False) -> None:
        self.frames, self.endless, self.closed = frames, endless, False

    async def __call__(self) -> AsyncGenerator[bytes, None]:
        try:
            for frame in self.frames:
                yield frame
            if self.endless:
                await asyncio.Event().wait()
        finally:
            self.closed = True


async def serve(frames: Frames, client: Client, send_seconds: float = 5) -> None:
    response = EventStream(frames(), send_seconds)
    await asyncio.wait_for(response({"type": "http"}, client.receive, client.send), 5)


async def test_frames_that_end_complete_the_response() -> None:
    client, frames = Client(), Frames(b"one", b"two")
    await serve(frames, client)
    assert client.messages[0]["status"] == 200
    headers = dict(client.messages[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert headers[b"cache-control"] == b"no-store"
    assert b"content-length" not in headers
    assert client.body == b"onetwo"
    assert client.messages[-1]["more_body"] is False


async def test_a_client_that_leaves_closes_the_frames() -> None:
    client, frames = Client(), Frames(b"one", endless=True)
    serving = asyncio.create_task(serve(frames, client))
    await until(lambda: client.body == b"one", "the first frame")
    client.left.set()
    await serving
    assert frames.closed


async def test_a_client_that_takes_nothing_is_given_up() -> None:
    client, frames = Client(takes=2), Frames(b"one", b"two", endless=True)
    await serve(frames, client, send_seconds=0.05)
    assert client.body == b"one"
    assert frames.closed
