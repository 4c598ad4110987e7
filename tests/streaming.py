"""Reads Server-Sent Events as browsers do."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass

import httpx

from tests.builders import feedback_id
from tests.waiting import until


@dataclass(frozen=True)
class Frame:
    """One dispatched Server-Sent Event."""

    event: str
    data: str
    id: str


async def frames(response: httpx.Response) -> AsyncGenerator[Frame, None]:
    """Reads a stream as browsers do: a block without data only moves the last event id."""
    event, last_id = "", ""
    data: list[str] = []
    async for line in response.aiter_lines():
        if not line:
            if data:
                yield Frame(event or "message", "\n".join(data), last_id)
            event, data = "", []
        elif line.startswith("id: "):
            last_id = line.removeprefix("id: ")
        elif line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data.append(line.removeprefix("data: "))


class Reader:
    """A client of a stream that keeps what it got."""

    def __init__(self, client: httpx.AsyncClient, *areas: str, cursor: str = "") -> None:
        self.client = client
        self.areas = areas
        self.cursor = cursor
        self.got: list[Frame] = []
        self.ended = asyncio.Event()
        self.opened = asyncio.Event()
        self.task: asyncio.Task[None]

    async def __aenter__(self) -> "Reader":
        self.task = asyncio.create_task(self._read())
        await until(lambda: self.opened.is_set() or self.task.done(), "the stream to open")
        if not self.opened.is_set():
            await self.task
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    async def _read(self) -> None:
        headers = {"last-event-id": self.cursor} if self.cursor else {}
        params: dict[str, list[str]] = {"area": list(self.areas)}
        async with self.client.stream(
            "GET", "/v1/streams", params=params, headers=headers
        ) as response:
            assert response.status_code == 200, await response.aread()
            assert response.headers["content-type"].startswith("text/event-stream")
            self.opened.set()
            async with aclosing(frames(response)) as blocks:
                async for frame in blocks:
                    self.got.append(frame)
                    self.cursor = frame.id
        self.ended.set()

    @property
    def subjects(self) -> list[str]:
        return [json.loads(each.data)["subject"] for each in self.got if each.event != "reset"]

    async def until_subjects(self, *numbers: int) -> None:
        wanted = {feedback_id(number) for number in numbers}
        await until(lambda: wanted <= set(self.subjects), f"{len(wanted)} events")
