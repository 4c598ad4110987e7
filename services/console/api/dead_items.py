"""Routes of the departments' dead queue items: listed, shown, put back and discarded."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.responses import Response

from services.console.api.bodies import Because, Reason, answer, reading, takes
from services.console.api.filters import ItemFilter, ItemPageQuery
from services.console.api.operators import Acting
from services.console.api.problems import CHANGE, problems
from services.console.connections import Connections
from services.console.operations import dead_items
from services.console.operations.dead_items import ItemPage, ItemPreview, Limits, Mended
from services.queues.dead_item import DeadItem, DeadItemFilter

ItemId = Annotated[str, Path(max_length=100)]


class MendItems(ItemFilter):
    """Which dead items are to be put back or discarded."""

    most: int = Field(1_000, ge=1, le=10_000, description="At most so many; ask again for more.")
    text: bool = Field(
        False,
        description="Lets `matching` go by departments' own words too; for a key that reads text.",
    )
    reason: Reason

    def only(self) -> DeadItemFilter:
        """As operations take it; raises `WrongInput` for an unknown department."""
        return replace(super().only(), their_words=self.text)


class ItemTexts(ItemPageQuery):
    """A page of dead items with what departments wrote, which `matching` goes by too."""

    reason: Reason

    def only(self) -> DeadItemFilter:
        """As operations take it; raises `WrongInput` for an unknown department."""
        return replace(super().only(), their_words=True)


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
        # what departments wrote: it is audited, and its reason is no part of an address
        router.add_api_route(
            "/v1/dead-items/text",
            self.page_with_text,
            methods=["POST"],
            response_model=ItemPage,
            responses=problems(*CHANGE),
            openapi_extra=takes(ItemTexts),
        )
        router.add_api_route(
            "/v1/dead-items/{item_id}/text",
            self.show_with_text,
            methods=["POST"],
            response_model=DeadItem,
            responses=problems(*CHANGE),
            openapi_extra=takes(Because),
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

    async def page(self, wanted: Annotated[ItemPageQuery, Query()], operator: Acting) -> Response:
        """Lists what matches, the last death first, without what departments wrote."""
        return answer(
            await dead_items.list_items(
                self._connections, wanted.only(), wanted.limit, wanted.after, operator=operator
            )
        )

    async def page_with_text(
        self, body: Annotated[ItemTexts, Depends(reading(ItemTexts))], operator: Acting
    ) -> Response:
        """The same with what departments wrote, for a key that reads text; audited."""
        return answer(
            await dead_items.list_items(
                self._connections,
                body.only(),
                body.limit,
                body.after,
                operator=operator,
                reason=body.reason,
            )
        )

    async def preview(self, wanted: Annotated[ItemFilter, Query()], operator: Acting) -> Response:
        """Says how many match, by department, with examples: to look at before a change."""
        return answer(
            await dead_items.preview_items(self._connections, wanted.only(), operator=operator)
        )

    async def show(self, item_id: ItemId, operator: Acting) -> Response:
        """Shows one dead or discarded item, without its text and what its department wrote."""
        return answer(await dead_items.show_item(self._connections, item_id, operator=operator))

    async def show_with_text(
        self,
        item_id: ItemId,
        body: Annotated[Because, Depends(reading(Because))],
        operator: Acting,
    ) -> Response:
        """The same with what its department wrote, for a key that reads text; audited."""
        return answer(
            await dead_items.show_item(
                self._connections, item_id, operator=operator, text=True, reason=body.reason
            )
        )

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
