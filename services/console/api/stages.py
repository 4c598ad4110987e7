"""Routes of stages: what is wanted of them, pause, resume, fuse."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from services.console.api.bodies import Because, answer, reading, takes
from services.console.api.operators import Acting
from services.console.api.problems import CHANGE, problems
from services.console.connections import Connections
from services.console.operations import stages
from services.console.operations.stages import StageControl

StageName = Annotated[str, Path(max_length=100, examples=["router"])]
BecauseBody = Annotated[Because, Depends(reading(Because))]


class StageRoutes:
    """Stages as operators want them."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(tags=["stages"])
        router.add_api_route(
            "/v1/stages",
            self.list_controls,
            response_model=list[StageControl],
            responses=problems(),
        )
        changes: dict[str, Callable[..., Awaitable[Response]]] = {
            "pause": self.pause,
            "resume": self.resume,
            "fuse/reset": self.reset_fuse,
        }
        for path, change in changes.items():
            router.add_api_route(
                f"/v1/stages/{{stage}}/{path}",
                change,
                methods=["POST"],
                response_model=StageControl,
                responses=problems(*CHANGE),
                openapi_extra=takes(Because),
            )
        return router

    async def list_controls(self) -> Response:
        """Says of every stage whether it is paused and whether its fuse is open, and why."""
        return answer(await stages.list_controls(self._connections))

    async def pause(self, stage: StageName, body: BecauseBody, operator: Acting) -> Response:
        """Stops a stage from reading on, within a second and after its open batch."""
        return answer(
            await stages.pause_stage(
                self._connections, stage, operator=operator, reason=body.reason
            )
        )

    async def resume(self, stage: StageName, body: BecauseBody, operator: Acting) -> Response:
        """Lets a paused stage go on where it stopped."""
        return answer(
            await stages.resume_stage(
                self._connections, stage, operator=operator, reason=body.reason
            )
        )

    async def reset_fuse(self, stage: StageName, body: BecauseBody, operator: Acting) -> Response:
        """Closes the fuse of a stage, once what opened it is mended."""
        return answer(
            await stages.reset_fuse(self._connections, stage, operator=operator, reason=body.reason)
        )
