"""Lets operators in and nobody else: in front of every route that is not said to be public."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from services.accounts.authentication import Authenticator
from services.console.operator import Operator, operator_of
from services.runtime.problem import Problem

PUBLIC = frozenset({"/health/live", "/health/ready", "/metrics", "/openapi.json"})


class OperatorsOnly:
    """Answers 401 without a live key and 403 for a charity's or department's, before anything of
    the request is read; a route that is new is closed from its first day.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; lifespan passes through."""
        if scope["type"] == "http" and scope["path"] not in PUBLIC:
            scope.setdefault("state", {})["operator"] = await self._operator(Request(scope))
        await self._app(scope, receive, send)

    async def _operator(self, request: Request) -> Operator:
        header = request.headers.get("authorization")
        credential = await self._authenticator.authenticate(header)
        if credential.role != "operator":
            raise Problem(
                403,
                "Not an operator's key",
                f"This is a key of the role {credential.role}: an operator's is needed.",
            )
        return operator_of(credential)


async def acting(request: Request) -> Operator:
    """The operator whose request it is."""
    operator = request.state.operator
    assert isinstance(operator, Operator)
    return operator


Acting = Annotated[Operator, Depends(acting)]
