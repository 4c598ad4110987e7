"""Routes of the departments' dead queue items: listed, shown, put back and discarded."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.responses import Response

from services.console.api.bodies import Reason, answer, reading, takes
from services.console.api.filters import ItemFilter, ItemPageQuery
from services.console.api.operators import Acting
from services.console.api.problems import CHANGE, problems
from services.console.connections import Connections
from services.console.operations import dead_items
from services.console.operations.dead_items import ItemPage, ItemPreview, Limits, Mended
from services.queues.dead_item import DeadItem

ItemId = Annotated[str, Path(max_length=100)]


class MendItems(ItemFilter):
    """Which dead items are to be put back or discarded."""

    most: int = Field(1_000, ge=1, le=10_000, description="At most so many; ask again for more.")
    reason: Reason


Order = Annotated[MendItems, Depends(reading(MendItems))]


class DeadItemRoutes:
    """Queue items that no department could handle."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(tags=["dead items"])
        router.add_api_route(
            "/v1/dead-items", self.page, response_model=ItemPage, responses=problems(422)
        )
        router.add_api_route(
            "/v1/dead-items/preview",
            self.preview,
            response_model=ItemPreview,
            responses=problems(404, 422),
        )
        router.add_api_route(
            "/v1/dead-items/{item_id}",
            self.show,
            response_model=DeadItem,
            responses=problems(404, 422),
        )
        for path, mend in (("redrive", self.redrive), ("discard", self.discard)):
            router.add_api_route(
                f"/v1/dead-items/{path}",
                mend,
                methods=["POST"],
                response_model=Mended,
                responses=problems(*CHANGE),
                openapi_extra=takes(MendItems),
            )
        return router

    async def page(self, wanted: Annotated[ItemPageQuery, Query()]) -> Response:
        """Lists what matches, the last death first."""
        return answer(
            await dead_items.list_items(
                self._connections, wanted.only(), wanted.limit, wanted.after
            )
        )

    async def preview(self, wanted: Annotated[ItemFilter, Query()]) -> Response:
        """Says how many match, by department, with examples: to look at before a change."""
        return answer(await dead_items.preview_items(self._connections, wanted.only()))

    async def show(self, item_id: ItemId) -> Response:
        """Shows one dead or discarded item, without its text."""
        return answer(await dead_items.show_item(self._connections, item_id))

    async def redrive(self, body: Order, operator: Acting) -> Response:
        """Puts dead items back on their queues, as if they had never been received."""
        mended = await dead_items.redrive_items(
            self._connections,
            body.only(),
            Limits(body.most),
            operator=operator,
            reason=body.reason,
        )
        return answer(mended)

    async def discard(self, body: Order, operator: Acting) -> Response:
        """Takes dead items off their queues for good; they stay to be looked at."""
        mended = await dead_items.discard_items(
            self._connections,
            body.only(),
            Limits(body.most),
            operator=operator,
            reason=body.reason,
        )
        return answer(mended)
