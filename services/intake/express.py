"""Serves the busy routes by exact match, past the framework's layers, which cost more than they do.

They stay routes of the app, which describes them in OpenAPI and answers what does not match.
"""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]


class Express:
    """An ASGI app in front of a FastAPI app; its endpoints take a request and nothing else."""

    def __init__(self, app: FastAPI, *paths: str) -> None:
        self._app = app
        self._routes: dict[tuple[str, str], tuple[APIRoute, Endpoint]] = {
            (method, route.path): (route, route.endpoint)
            for route in app.routes
            if isinstance(route, APIRoute) and route.path in paths
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request; errors are the outer layer's to answer."""
        express = self._routes.get((scope.get("method", ""), scope.get("path", "")))
        if express is None:
            await self._app(scope, receive, send)
            return
        scope["route"], endpoint = express
        response = await endpoint(Request(scope, receive))
        await response(scope, receive, send)
