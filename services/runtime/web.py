"""HTTP as every process speaks it: failures as problem documents, measured; health and metrics."""

from http import HTTPStatus
from time import monotonic

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.runtime.errors import Unavailable
from services.runtime.health import Health
from services.runtime.metrics import Metrics
from services.runtime.problem import Problem, unavailable

log = structlog.get_logger(__name__)


class ProblemBoundary:
    """Outermost layer of an HTTP app: every failure leaves as a problem document, and is measured.

    Pure ASGI, because a response that streams must not be buffered.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; websockets and lifespan pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = monotonic()
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except ClientDisconnect:
            status = status or 499
        except Exception as error:  # the boundary: nothing may pass it
            problem = as_problem(error)
            if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                log.exception("request failed", action="request", path=scope["path"])
            if status == 0:
                await problem.response()(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, route, str(status)).observe(monotonic() - started)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def as_problem(error: Exception) -> Problem:
    """The problem that an exception means to a client."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Unavailable):
        return unavailable("The service cannot reach its database. Try again shortly.")
    if isinstance(error, HTTPException):
        title = HTTPStatus(error.status_code).phrase
        return Problem(error.status_code, title, str(error.detail), headers=error.headers or {})
    return Problem(
        500, "Internal error", "The fault is ours and has been logged. Trying again may help."
    )


async def answer_problem(_request: Request, error: Exception) -> Response:
    """Exception handler for Starlette and FastAPI."""
    return as_problem(error).response()


def process_routes(health: Health, metrics: Metrics) -> list[Route]:
    """`/health/live`, `/health/ready` and `/metrics`."""

    async def live(_request: Request) -> Response:
        alive, ages = health.liveness()
        return JSONResponse({"live": alive, "progress_age_seconds": ages}, 200 if alive else 503)

    async def ready(_request: Request) -> Response:
        is_ready, reasons = health.readiness()
        answer = {"ready": is_ready, "reasons": reasons, "held": health.held()}
        return JSONResponse(answer, 200 if is_ready else 503)

    async def scrape(_request: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/metrics", scrape),
    ]


def handle_problems(app: Starlette) -> None:
    """Makes an app answer its own errors, routing errors included, as problem documents."""
    for kind in (Problem, Unavailable, HTTPException):
        app.add_exception_handler(kind, answer_problem)
