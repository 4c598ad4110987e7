"""Routes of the audit."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from services.audit.entry import MOST_ENTRIES, AuditCheck, Entry, read_head
from services.console.api.bodies import answer
from services.console.api.problems import problems
from services.console.connections import Connections
from services.console.errors import WrongInput
from services.console.operations import audit

Value = Annotated[str | None, Query(max_length=200)]


class AuditRoutes:
    """Who changed what."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(tags=["audit"])
        router.add_api_route(
            "/v1/audit", self.list_entries, response_model=list[Entry], responses=problems(422)
        )
        router.add_api_route(
            "/v1/audit/check", self.check, response_model=AuditCheck, responses=problems(422)
        )
        return router

    async def list_entries(
        self,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
        before: Annotated[int | None, Query(ge=1, le=MOST_ENTRIES)] = None,
        by: Value = None,
        action: Value = None,
        subject: Value = None,
    ) -> Response:
        """Lists what operators changed, the newest first; go on with `before`."""
        return answer(
            await audit.list_entries(
                self._connections,
                limit=limit,
                before=before,
                by=by,
                action=action,
                subject=subject,
            )
        )

    async def check(
        self,
        head: Annotated[
            str | None,
            Query(max_length=200, description="A head that an earlier check gave: `seq:digest`."),
        ] = None,
    ) -> Response:
        """Follows the whole chain and says where it does not hold."""
        try:
            noted = read_head(head) if head is not None else None
        except ValueError as error:
            raise WrongInput(str(error)) from None
        return answer(await audit.check_entries(self._connections, noted))
