"""Departments at work during a run: they take items, acknowledge them, and follow a stream."""

import asyncio
import json
from collections.abc import Collection
from contextlib import aclosing, suppress
from typing import Any

import httpx

from schemas.departments import load_departments
from services.departments.stream_log import write_cursor
from tests.pipeline import Pipeline
from tests.streaming import frames
from tests.waiting import until

MOST_ITEMS = 50
VISIBILITY_SECONDS = 60
_AGAIN_SECONDS = 0.1
# departments do not work faster than people write: the pipeline keeps its half of the machine
_PAUSE_SECONDS = 0.1
# long enough for events to be logged while nobody reads: only resuming brings them
_AWAY_SECONDS = 1.0


class Worker:
    """Takes items of one department and acknowledges each until it has an answer."""

    def __init__(self, pipeline: Pipeline, department: str) -> None:
        self.department = department
        self.acknowledged: set[str] = set()
        self._pipeline = pipeline
        self._path = f"/v1/departments/{load_departments().by_code(department).slug}/queue"

    async def work(self, over: asyncio.Event) -> None:
        """Works until `over`; what was taken by then is acknowledged."""
        key = await self._pipeline.key("department", self.department)
        async with self._pipeline.http("departments", key) as client:
            while not over.is_set():
                body = {"max_items": MOST_ITEMS, "visibility_seconds": VISIBILITY_SECONDS}
                items = (await self._ask(client, "receive", body))["items"]
                if items:
                    await self._acknowledge(client, items)
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _acknowledge(self, client: httpx.AsyncClient, items: list[dict[str, Any]]) -> None:
        taken = {item["item_id"] for item in items}
        again = taken & self.acknowledged
        assert not again, f"{len(again)} items were lent out after their acknowledgement"
        leases = [{name: item[name] for name in ("item_id", "lease_token")} for item in items]
        answer = await self._ask(client, "acknowledge", {"leases": leases})
        self.acknowledged |= {
            row["item_id"] for row in answer["results"] if row["result"] in ("done", "already_done")
        }
        # nobody else works this queue, so no lease can have gone to someone else
        assert taken <= self.acknowledged, answer

    async def _ask(self, client: httpx.AsyncClient, verb: str, body: dict[str, Any]) -> Any:
        """The answer, however often the service or its database is away meanwhile."""

        async def answer() -> httpx.Response | None:
            with suppress(httpx.TransportError):
                response = await client.post(f"{self._path}/{verb}", json=body)
                if response.status_code != 503:
                    assert response.status_code == 200, response.text
                    return response
            await asyncio.sleep(_AGAIN_SECONDS)
            return None

        return (await until(answer, f"an answer to {verb}", 60)).json()

    async def check(self) -> None:
        """Settled is exactly what was acknowledged, and the charity's tracking tells it."""
        assert self.acknowledged, f"{self.department} had nothing to acknowledge"
        items = self._pipeline.database["queue_items"]
        settled = items.find({"department": self.department, "state": "settled"}, {"_id": 1})
        assert {row["_id"] async for row in settled} == self.acknowledged
        tracking = self._pipeline.database["tracking"]
        ours = {"department": self.department, "what": "acknowledged"}

        async def all_told() -> bool:
            return await tracking.count_documents(ours) >= len(self.acknowledged)

        await until(all_told, f"acknowledgements of {self.department} to be told", 60)
        told = [row["_id"].partition("/")[0] async for row in tracking.find(ours, {"_id": 1})]
        assert sorted(f"{each}:{self.department}" for each in told) == sorted(self.acknowledged)


class Follower:
    """A client of the stream of everything, that comes again with the last id it got."""

    def __init__(self, pipeline: Pipeline, department: str) -> None:
        self.connections = 0
        self.subjects: dict[str, str] = {}
        self._pipeline = pipeline
        self._department = department
        self._cursor = write_cursor({})
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> "Follower":
        key = await self._pipeline.key("department", self._department)
        self._task = asyncio.create_task(self._follow(key))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _follow(self, key: str) -> None:
        async with self._pipeline.http("departments", key) as client:
            while True:
                with suppress(httpx.TransportError):
                    await self._read(client)
                await asyncio.sleep(_AWAY_SECONDS)

    async def _read(self, client: httpx.AsyncClient) -> None:
        """One connection, on which no event comes twice; after a restart one may, by its id."""
        headers = {"last-event-id": self._cursor}
        async with client.stream("GET", "/v1/streams", headers=headers) as response:
            if response.status_code == 503:
                return
            assert response.status_code == 200, await response.aread()
            self.connections += 1
            here: set[str] = set()
            async with aclosing(frames(response)) as blocks:
                async for frame in blocks:
                    assert frame.event == "feedback.routed", frame
                    event = json.loads(frame.data)
                    assert event["id"] not in here, "an event twice on one connection"
                    here.add(event["id"])
                    self.subjects[event["id"]] = event["subject"]
                    self._cursor = frame.id

    async def check(self, feedbacks: Collection[str]) -> None:
        """Waits for the events of these feedbacks: one of each, and no other."""

        async def all_there() -> bool:
            if self._task.done():
                self._task.result()
            return len(self.subjects) >= len(feedbacks)

        await until(all_there, f"{len(feedbacks)} events on the stream", 60)
        assert sorted(self.subjects.values()) == sorted(feedbacks)
