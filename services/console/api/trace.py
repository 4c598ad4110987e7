"""Routes of one item's way."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from services.console.api.bodies import Because, answer, reading, takes
from services.console.api.operators import Acting
from services.console.api.problems import CHANGE, problems
from services.console.connections import Connections
from services.console.journey import Journey
from services.console.operations.trace import trace_item

Name = Annotated[
    str, Path(max_length=100, description="A reference or an id.", examples=["Q3NYCFNS"])
]


class TraceRoutes:
    """Each hop of one item."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(tags=["items"])
        router.add_api_route(
            "/v1/items/{item}/trace",
            self.trace,
            response_model=Journey,
            responses=problems(404, 422),
        )
        # it is written into the audit, and its reason is no part of an address
        router.add_api_route(
            "/v1/items/{item}/text",
            self.trace_with_text,
            methods=["POST"],
            response_model=Journey,
            responses=problems(*CHANGE),
            openapi_extra=takes(Because),
        )
        return router

    async def trace(self, item: Name, operator: Acting) -> Response:
        """Each hop of one item, without what anybody wrote."""
        return answer(await trace_item(self._connections, item, operator=operator))

    async def trace_with_text(
        self, item: Name, body: Annotated[Because, Depends(reading(Because))], operator: Acting
    ) -> Response:
        """The same with what was written, for a key that reads text; audited."""
        return answer(
            await trace_item(
                self._connections, item, operator=operator, text=True, reason=body.reason
            )
        )
