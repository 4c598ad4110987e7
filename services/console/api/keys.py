"""Routes of keys, organisations and departments."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.responses import Response

from services.accounts.keys import Role
from services.console.api.bodies import Because, Body, Reason, answer, reading, takes
from services.console.api.operators import Acting
from services.console.api.problems import CHANGE, problems
from services.console.connections import Connections
from services.console.operations import holders, keys
from services.console.operations.holders import DepartmentRow, OrganisationRow
from services.console.operations.keys import LONGEST_OVERLAP, KeyOrder, KeyRow, NewKey

KeyId = Annotated[str, Path(max_length=100, examples=["4k7w2xq9"])]


class CreateKey(Body):
    """An order for a key."""

    role: Role
    subject: str = Field(
        max_length=200,
        description="A charity's own id, a department's GOV.UK slug or permanent code,"
        " or an operators' account, never a person's.",
        examples=["advice-shed"],
    )
    name: str = Field("", max_length=500, description="The organisation's name.")
    org_id: str | None = Field(None, max_length=200, description="As GB-CHC-1234567.")
    reads_text: bool = Field(False, description="An operator's: may show what people wrote.")
    reason: Reason


class RotateKey(Body):
    """An order for a key that takes the place of another."""

    overlap_seconds: float = Field(
        604_800.0,
        ge=0,
        le=LONGEST_OVERLAP.total_seconds(),
        description="How long the old key still works.",
    )
    reason: Reason


class KeyRoutes:
    """Who has which key."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(tags=["keys"])
        for path, rows, row in (
            ("/v1/keys", self.list_keys, KeyRow),
            ("/v1/organisations", self.organisations, OrganisationRow),
            ("/v1/departments", self.departments, DepartmentRow),
        ):
            router.add_api_route(
                path,
                rows,
                response_model=list[row],  # type: ignore[valid-type]
                responses=problems(422),
            )
        for path, make, body in (
            ("/v1/keys", self.create, CreateKey),
            ("/v1/keys/{key_id}/rotate", self.rotate, RotateKey),
        ):
            router.add_api_route(
                path,
                make,
                methods=["POST"],
                status_code=201,
                response_model=NewKey,
                responses=problems(*CHANGE),
                openapi_extra=takes(body),
            )
        router.add_api_route(
            "/v1/keys/{key_id}/revoke",
            self.revoke,
            methods=["POST"],
            response_model=KeyRow,
            responses=problems(*CHANGE),
            openapi_extra=takes(Because),
        )
        return router

    async def list_keys(
        self, role: Role | None = None, subject: Annotated[str | None, Query(max_length=200)] = None
    ) -> Response:
        """Lists all keys, ended ones included, without their secrets."""
        return answer(await keys.list_keys(self._connections, role, subject))

    async def organisations(self) -> Response:
        """Lists charities that have or had keys."""
        return answer(await holders.organisations(self._connections))

    async def departments(self) -> Response:
        """Lists departments, and how many live keys each has."""
        return answer(await holders.departments(self._connections))

    async def create(
        self, body: Annotated[CreateKey, Depends(reading(CreateKey))], operator: Acting
    ) -> Response:
        """Makes a key; this answer is the only place where it is ever shown.

        A department's key, and an operator's that reads text, need one that reads text.
        """
        order = KeyOrder(body.role, body.subject, body.name, body.org_id, body.reads_text)
        made = await keys.create_key(
            self._connections, order, operator=operator, reason=body.reason
        )
        return answer(made, 201)

    async def rotate(
        self,
        key_id: KeyId,
        body: Annotated[RotateKey, Depends(reading(RotateKey))],
        operator: Acting,
    ) -> Response:
        """Makes a new key for the same holder; the old one ends by itself."""
        overlap = timedelta(seconds=body.overlap_seconds)
        made = await keys.rotate_key(
            self._connections, key_id, overlap, operator=operator, reason=body.reason
        )
        return answer(made, 201)

    async def revoke(
        self, key_id: KeyId, body: Annotated[Because, Depends(reading(Because))], operator: Acting
    ) -> Response:
        """Ends a key for good: it is refused within 5 seconds. The last operator's key stays."""
        return answer(
            await keys.revoke_key(self._connections, key_id, operator=operator, reason=body.reason)
        )
