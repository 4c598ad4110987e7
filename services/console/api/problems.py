"""What can go wrong, as problem documents and in OpenAPI."""

from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from services.console.errors import Busy, Conflict, Ended, NotAllowed, NotFound, Refusal
from services.runtime.errors import Unavailable
from services.runtime.problem import Problem, unavailable
from services.runtime.web import handle_problems

_MEANINGS = {
    400: "The body is not JSON.",
    401: "No key, or one that is not valid.",
    403: "Not an operator's key, or one that may not do this.",
    404: "What was named is not there, or nothing is as the filter says.",
    408: "The body came too slowly.",
    409: "It has ended, is needed, or another process has it in hand: not now.",
    413: "The body is too large.",
    415: "Not application/json, or encoded.",
    422: "The body or a parameter is not valid; the problem says which.",
    503: "Kafka or MongoDB is away. Try again.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How OpenAPI describes these problems of a route; 401, 403 and 503 are every route's."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status in sorted({401, 403, 503, *statuses})
    }


CHANGE = (400, 404, 408, 409, 413, 415, 422)
"""The problems of a route that reads a body and changes what its path names."""


def handle_refusals(app: Starlette) -> None:
    """Makes an app answer refusals and outages of operations as problem documents."""
    handle_problems(app)
    app.add_exception_handler(Refusal, _answer)
    app.add_exception_handler(Unavailable, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(HTTPStatus.METHOD_NOT_ALLOWED, _wrong_method)


async def _answer(_request: Request, error: Exception) -> Response:
    return problem_of(error).response()


async def _wrong_method(request: Request, _error: Exception) -> Response:
    """405 with the methods of every route of this path: by itself it names those of one."""
    path = request.scope["path"]
    routes = [
        route
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
    ]
    # what an id could match too is not what a path that has a name of its own is for
    named = [route for route in routes if route.path == path] or routes
    allowed = sorted({method for route in named for method in route.methods or ()})
    headers = {"Allow": ", ".join(allowed)}
    return Problem(405, "Method Not Allowed", "Allow says what is.", headers=headers).response()


def problem_of(error: Exception) -> Problem:
    """The problem that a refusal, an outage or a wrong parameter is to a client."""
    if isinstance(error, RequestValidationError):
        return Problem(
            422,
            "Parameter not valid",
            "Change what errors name and send it again.",
            errors=[
                {"pointer": "/".join(map(str, each["loc"])), "detail": each["msg"]}
                for each in error.errors()[:20]
            ],
        )
    if isinstance(error, NotFound):
        return Problem(404, "Not found", str(error))
    if isinstance(error, NotAllowed):
        return Problem(403, "Not allowed", str(error))
    if isinstance(error, Ended):
        return Problem(409, "Ended", str(error))
    if isinstance(error, Conflict | Busy):
        return Problem(409, "Not as things are", str(error))
    if isinstance(error, Refusal):
        return Problem(422, "Not possible", str(error))
    if isinstance(error, Unavailable):
        return unavailable(f"{error}. Try again shortly.")
    raise error
