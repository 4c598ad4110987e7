"""Routes of dead letters: listed, shown and discarded."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.console.api.bodies import Because, Reason, answer, reading, takes
from services.console.api.filters import LetterFilter, LetterPage
from services.console.api.operators import Acting
from services.console.api.problems import CHANGE, problems
from services.console.connections import Connections
from services.console.operations import dead_letters
from services.console.operations.dead_letters import LetterDetail, Page, Preview

LetterId = Annotated[str, Path(max_length=100)]


class DiscardLetters(LetterFilter):
    """Which letters are to end; only waiting ones do."""

    most: int | None = Field(None, ge=1, le=1_000_000_000, description="At most so many.")
    everything: bool = Field(False, description="Allows a filter that leaves nothing out.")
    reason: Reason


class Discarded(BaseModel):
    """How many were discarded."""

    discarded: int


class DeadLetterRoutes:
    """Records that consumers gave up."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(tags=["dead letters"])
        router.add_api_route(
            "/v1/dead-letters", self.page, response_model=Page, responses=problems(422)
        )
        router.add_api_route(
            "/v1/dead-letters/preview",
            self.preview,
            response_model=Preview,
            responses=problems(404, 422),
        )
        router.add_api_route(
            "/v1/dead-letters/{letter_id}",
            self.show,
            response_model=LetterDetail,
            responses=problems(404, 422),
        )
        router.add_api_route(
            "/v1/dead-letters/{letter_id}/text",
            self.show_text,
            methods=["POST"],  # it is written into the audit
            response_model=LetterDetail,
            responses=problems(*CHANGE),
            openapi_extra=takes(Because),
        )
        router.add_api_route(
            "/v1/dead-letters/discard",
            self.discard,
            methods=["POST"],
            response_model=Discarded,
            responses=problems(*CHANGE),
            openapi_extra=takes(DiscardLetters),
        )
        return router

    async def page(self, wanted: Annotated[LetterPage, Query()]) -> Response:
        """Lists what matches, the last death first."""
        return answer(
            await dead_letters.list_letters(
                self._connections, wanted.only(), wanted.limit, wanted.after
            )
        )

    async def preview(self, wanted: Annotated[LetterFilter, Query()]) -> Response:
        """Says how many match, in which piles, with examples: to look at before a change."""
        return answer(await dead_letters.preview(self._connections, wanted.only()))

    async def show(self, letter_id: LetterId, operator: Acting) -> Response:
        """Shows a letter, and what Frontline wrote of its record: no stranger's key or header."""
        return answer(
            await dead_letters.show_letter(self._connections, letter_id, operator=operator)
        )

    async def show_text(
        self,
        letter_id: LetterId,
        body: Annotated[Because, Depends(reading(Because))],
        operator: Acting,
    ) -> Response:
        """Shows a letter with its whole record, for a key that reads text; audited."""
        return answer(
            await dead_letters.show_letter(
                self._connections, letter_id, operator=operator, text=True, reason=body.reason
            )
        )

    async def discard(
        self, body: Annotated[DiscardLetters, Depends(reading(DiscardLetters))], operator: Acting
    ) -> Response:
        """Ends waiting letters for good; they stay to be looked at."""
        discarded = await dead_letters.discard_letters(
            self._connections,
            body.only(),
            body.most,
            everything=body.everything,
            operator=operator,
            reason=body.reason,
        )
        return answer({"discarded": discarded})
