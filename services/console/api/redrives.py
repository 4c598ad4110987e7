"""Routes of redrives: begun in the background, looked at by name, cancelled."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.responses import Response

from services.console.api.bodies import Because, Reason, answer, reading, takes
from services.console.api.filters import LetterFilter
from services.console.api.operators import Acting
from services.console.api.problems import CHANGE, problems
from services.console.connections import Connections
from services.console.operations import redrives
from services.console.operations.redrive_jobs import RedriveJobs, show_redrive
from services.console.operations.redrive_orders import RedriveOrder
from services.deadletters.redrive import Redrive

Name = Annotated[str, Path(max_length=100, examples=["after-the-outage"])]


class RedriveLetters(LetterFilter):
    """Which letters are to go back to their origin, and how."""

    name: str | None = Field(
        None,
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Names the redrive; goes on with an unfinished one of this name.",
    )
    rate: float = Field(200.0, gt=0, le=100_000, description="Letters a second.")
    most: int | None = Field(None, ge=1, le=1_000_000_000, description="At most so many.")
    everything: bool = Field(False, description="Allows a filter that leaves nothing out.")
    reason: Reason

    def order(self) -> RedriveOrder:
        """As the operation takes it."""
        return RedriveOrder(self.only(), self.name, self.rate, self.most, self.everything)


class RedriveRoutes:
    """Redrives of dead letters."""

    def __init__(self, connections: Connections, jobs: RedriveJobs) -> None:
        self._connections = connections
        self._jobs = jobs

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(tags=["redrives"])
        router.add_api_route(
            "/v1/redrives", self.last, response_model=list[Redrive], responses=problems(422)
        )
        router.add_api_route(
            "/v1/redrives",
            self.start,
            methods=["POST"],
            status_code=202,
            response_model=Redrive,
            responses=problems(*CHANGE),
            openapi_extra=takes(RedriveLetters),
        )
        router.add_api_route(
            "/v1/redrives/{name}",
            self.show,
            response_model=Redrive,
            responses=problems(404, 422),
        )
        router.add_api_route(
            "/v1/redrives/{name}/cancel",
            self.cancel,
            methods=["POST"],
            response_model=Redrive,
            responses=problems(*CHANGE),
            openapi_extra=takes(Because),
        )
        return router

    async def last(self, limit: Annotated[int, Query(ge=1, le=1_000)] = 20) -> Response:
        """Lists redrives, the last one first."""
        return answer(await redrives.list_redrives(self._connections, limit))

    async def start(
        self, body: Annotated[RedriveLetters, Depends(reading(RedriveLetters))], operator: Acting
    ) -> Response:
        """Begins to send letters to their origin, each exactly once; look at it at `Location`.

        Interrupted, by the end of this process or an outage, it goes on when it is ordered again
        by its name.
        """
        begun = await self._jobs.start(body.order(), operator=operator, reason=body.reason)
        return answer(begun, 202, {"Location": f"/v1/redrives/{begun.name}"})

    async def show(self, name: Name) -> Response:
        """Shows how far a redrive is; nobody runs a `running` one whose `held_until` is over."""
        return answer(await show_redrive(self._connections, name))

    async def cancel(
        self, name: Name, body: Annotated[Because, Depends(reading(Because))], operator: Acting
    ) -> Response:
        """Stops a redrive after the letters it has in hand; what it did not send waits again."""
        return answer(
            await redrives.cancel_redrive(
                self._connections, name, operator=operator, reason=body.reason
            )
        )
