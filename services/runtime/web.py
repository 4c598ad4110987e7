"""HTTP as every process speaks it: problem documents, bodies within limits, health and metrics."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Any, TypeVar

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.runtime.errors import Unavailable
from services.runtime.health import Health
from services.runtime.metrics import Metrics

_MAX_ERRORS = 20
_MAX_DISCARDED_BYTES = 33_554_432

Model = TypeVar("Model", bound=BaseModel)

log = structlog.get_logger(__name__)


@dataclass
class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """An answer that is not what the client hoped for, as an RFC 9457 problem document.

    `errors` hold JSON pointers into the body: `{"pointer": "#/place/gss", "detail": "…"}`.
    """

    status: int
    title: str
    detail: str
    errors: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The problem document; its type is named after the title."""
        slug = "-".join(self.title.lower().replace("'", "").split())
        document: dict[str, Any] = {
            "type": f"urn:frontline:problem:{slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = list(self.errors)
        return document

    def response(self) -> Response:
        """The document as a response."""
        return Response(
            json.dumps(self.document(), ensure_ascii=False).encode("utf-8", "replace"),
            status_code=self.status,
            media_type="application/problem+json",
            headers=dict(self.headers),
        )


def unavailable(detail: str, retry_after: int = 2) -> Problem:
    """503 with `Retry-After` in seconds."""
    return Problem(503, "Service unavailable", detail, headers={"Retry-After": str(retry_after)})


async def read_body(request: Request, limit: int, seconds: float = 10.0) -> bytes:
    """Reads at most `limit` bytes of body, which have to arrive within `seconds`.

    Raises a 413 problem before the rest is read, a 408 problem for a client that is too slow, a 415
    problem for an encoded body.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        await _discard(request, seconds)
        raise _too_large(limit)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(
            415, "Encoding not supported", "Send the body without Content-Encoding: it is not read."
        )
    parts: list[bytes] = []
    left, more = limit, True
    try:
        async with asyncio.timeout(seconds):
            while more:
                part, more = await _read_part(request)
                parts.append(part)
                left -= len(part)
                if left < 0:
                    await _discard(request, seconds)
                    raise _too_large(limit)
    except TimeoutError:
        raise _too_slow(seconds) from None
    return b"".join(parts)


async def _read_part(request: Request) -> tuple[bytes, bool]:
    """A part of the body, and whether more is to come."""
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)


async def _discard(request: Request, seconds: float) -> None:
    """Lets a client finish, within reason: closed while it sends, it would not read the answer."""
    read, more = 0, True
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while more and read < _MAX_DISCARDED_BYTES:
                part, more = await _read_part(request)
                read += len(part)


def _too_slow(seconds: float) -> Problem:
    return Problem(
        408,
        "Body too slow",
        f"A body has to arrive within {seconds:g} seconds.",
        headers={"Connection": "close"},
    )


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        "Body too large",
        f"The body may have {limit:,} bytes. Send less, or split it into several requests.",
        headers={"Connection": "close"},
    )


def parse_body(body: bytes, model: type[Model]) -> Model:
    """Validates a JSON body; raises 400 for what is not JSON, 422 else.

    Unknown fields are refused, and types are JSON's own: "42" is no number, and 5 is no date.
    """
    try:
        return model.model_validate_json(body, extra="forbid", strict=True)
    except ValidationError as error:
        raise invalid_body(error) from None


def invalid_body(error: ValidationError) -> Problem:
    """The problem document of a failed validation: where and what to change, never the value."""
    items = error.errors(include_url=False, include_context=False, include_input=False)
    if items[0]["type"] == "json_invalid":
        if "recursion" in items[0]["msg"]:
            return Problem(400, "Body nested too deeply", "Send a document nested as documented.")
        return Problem(400, "Body is not JSON", f"{items[0]['msg']}. Send one JSON document.")
    return Problem(
        422,
        "Body is not valid",
        "Change what errors name and send it again.",
        errors=[
            {"pointer": pointer(item["loc"]), "detail": item["msg"]} for item in items[:_MAX_ERRORS]
        ],
    )


def pointer(location: Sequence[int | str]) -> str:
    """A JSON pointer as URI fragment (RFC 6901) for a pydantic location."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return "#" + "".join(f"/{part}" for part in parts).encode("utf-8", "replace").decode()


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
