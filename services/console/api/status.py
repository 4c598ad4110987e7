"""Route of the pipeline's status."""

from fastapi import APIRouter
from starlette.responses import Response

from services.console.api.bodies import answer
from services.console.api.problems import problems
from services.console.operations.status import PipelineView
from services.console.pipeline import PipelineStatus


class StatusRoutes:
    """The pipeline as it is."""

    def __init__(self, view: PipelineView) -> None:
        self._view = view

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(tags=["status"])
        router.add_api_route(
            "/v1/status", self.status, response_model=PipelineStatus, responses=problems()
        )
        return router

    async def status(self) -> Response:
        """Says how the pipeline is; what needs a person first comes first. Partial while Kafka or
        MongoDB is away.
        """
        return answer(await self._view.read())
