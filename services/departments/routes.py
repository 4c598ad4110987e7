"""The queue verbs over HTTP: receive, acknowledge, extend, release, dead-letter, depth."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from services.departments.access import Access
from services.departments.answers import (
    DeadLetterRequest,
    ExtendRequest,
    LeasesRequest,
    ReceiveRequest,
    ReleaseRequest,
)
from services.departments.settings import DepartmentsSettings
from services.queues.item import Result
from services.queues.pullers import Pullers
from services.queues.store import LeasedItem, LeaseRef, QueueStore
from services.runtime.body import parse_body, read_body
from services.runtime.metrics import Metrics
from services.runtime.problem import Problem

QUEUE_PATH = "/v1/departments/{slug}/queue"

Model = TypeVar("Model", bound=BaseModel)
LeasesModel = TypeVar("LeasesModel", bound=LeasesRequest)
Verb = Callable[[str, Sequence[LeaseRef], LeasesModel], Awaitable[list[Result]]]


class QueueRoutes:
    """The operations on a department's queue, for the department's own key."""

    def __init__(
        self,
        access: Access,
        store: QueueStore,
        pullers: Pullers,
        settings: DepartmentsSettings,
        metrics: Metrics,
        acknowledged: Callable[[], None],
    ) -> None:
        self._access = access
        self._store = store
        self._pullers = pullers
        self._settings = settings
        self._metrics = metrics
        self._acknowledged = acknowledged

    async def receive(self, request: Request) -> Response:
        """Leases items; with `wait_seconds` waits for the first, unless the client goes away."""
        department = (await self._access.work_queue(request)).code
        asked = await self._read(request, ReceiveRequest)
        pull = asyncio.ensure_future(
            self._pullers.receive(
                department, asked.max_items, asked.visibility_seconds, asked.wait_seconds
            )
        )
        items = await (_unless_gone(request, pull) if asked.wait_seconds else pull)
        again = sum(each.receive_count > 1 for each in items)
        self._metrics.leases.labels(department, "receive", "leased").inc(len(items) - again)
        self._metrics.leases.labels(department, "receive", "received_again").inc(again)
        return _json({"items": [_item(each) for each in items]})

    async def acknowledge(self, request: Request) -> Response:
        """Settles items."""

        async def verb(
            department: str, leases: Sequence[LeaseRef], _: LeasesRequest
        ) -> list[Result]:
            results = await self._store.acknowledge(department, leases)
            self._acknowledged()
            return results

        return await self._act(request, "acknowledge", LeasesRequest, verb)

    async def extend(self, request: Request) -> Response:
        """Makes leases last longer."""
        return await self._act(
            request,
            "extend",
            ExtendRequest,
            lambda department, leases, body: self._store.extend(
                department, leases, body.visibility_seconds
            ),
        )

    async def release(self, request: Request) -> Response:
        """Gives items back."""
        return await self._act(
            request,
            "release",
            ReleaseRequest,
            lambda department, leases, body: self._store.release(
                department, leases, body.delay_seconds
            ),
        )

    async def dead_letter(self, request: Request) -> Response:
        """Takes items off the queue for people to look at."""
        return await self._act(
            request,
            "dead_letter",
            DeadLetterRequest,
            lambda department, leases, body: self._store.dead_letter(
                department, leases, body.reason
            ),
        )

    async def depth(self, request: Request) -> Response:
        """Counts a queue; operators may, too."""
        department = await self._access.see_depth(request)
        return _json(await self._store.depth(department.code))

    async def _act(
        self, request: Request, name: str, model: type[LeasesModel], verb: Verb[LeasesModel]
    ) -> Response:
        """A verb on leases: the same for all but what it does."""
        department = (await self._access.work_queue(request)).code
        body = await self._read(request, model)
        leases = [LeaseRef(each.item_id, each.lease_token) for each in body.leases]
        results = await verb(department, leases, body)
        for result, count in Counter(results).items():
            self._metrics.leases.labels(department, name, result.value).inc(count)
        rows = [
            {"item_id": lease.item_id, "result": result}
            for lease, result in zip(leases, results, strict=True)
        ]
        return _json({"results": rows})

    async def _read(self, request: Request, model: type[Model]) -> Model:
        """The body, JSON within limits; none at all is an empty object."""
        content_type = request.headers.get("content-type", "application/json")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise Problem(
                415, "Content type not supported", "Send JSON with Content-Type: application/json."
            )
        settings = self._settings
        body = await read_body(request, settings.max_body_bytes, settings.body_seconds)
        return parse_body(body or b"{}", model)


async def _unless_gone(
    request: Request, pull: "asyncio.Future[list[LeasedItem]]"
) -> list[LeasedItem]:
    """What is pulled; a client that goes away first takes its place in the queue with it."""
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        either: set[asyncio.Future[Any]] = {pull, gone}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return await pull if pull.done() else []
    finally:
        gone.cancel()
        pull.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _item(item: LeasedItem) -> dict[str, object]:
    return {
        "item_id": item.item_id,
        "lease_token": item.lease_token,
        "lease_until": item.lease_until,
        "receive_count": item.receive_count,
        "role": item.role,
        "areas": item.areas,
        "because": item.because,
        "traceparent": item.traceparent,
        "feedback": item.feedback,
    }


def _json(answer: object) -> Response:
    return Response(to_json(answer), media_type="application/json")
