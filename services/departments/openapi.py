"""The API's description: OpenAPI 3.1 from the models that validate, with examples and problems."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.policy_areas import load_policy_areas
from services.departments.answers import (
    DeadLetterRequest,
    ExtendRequest,
    LeasesAnswer,
    LeasesRequest,
    QueueDepth,
    ReceiveAnswer,
    ReceiveRequest,
    ReleaseRequest,
)
from services.runtime.problem import ProblemDocument

_REF = "#/components/schemas/{model}"
_REQUESTS: tuple[type[BaseModel], ...] = (
    ReceiveRequest,
    LeasesRequest,
    ExtendRequest,
    ReleaseRequest,
    DeadLetterRequest,
)
_ANSWERS: tuple[type[BaseModel], ...] = (ReceiveAnswer, LeasesAnswer, QueueDepth, ProblemDocument)
_REFUSING = {model.__name__ for model in _REQUESTS} | {"Lease"}

_MEANINGS = {
    400: "Not JSON, nested too deeply, or a malformed cursor.",
    401: "No key, or one that is not valid.",
    403: "Another department's queue, or a key that is not a department's.",
    404: "No department has this slug.",
    408: "The body came too slowly.",
    410: "The department has closed; the detail names its successors.",
    413: "The body is too large.",
    415: "Not application/json, or encoded.",
    422: "The body or a parameter is not valid; the problem says which.",
    503: "The database is away, or too many streams are open. Try again.",
}
_VERB_PROBLEMS = (400, 401, 403, 404, 408, 410, 413, 415, 422, 503)

_LEASES = [
    {
        "item_id": "8e03978e-40d5-43dd-bc93-6894a57f9324:DHSC",
        "lease_token": "bf6c3fbf7c0f180d858c5679",
    }
]
_VERBS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "receive": (
        "Lease items",
        "ReceiveRequest",
        {"max_items": 10, "visibility_seconds": 300, "wait_seconds": 20},
    ),
    "acknowledge": ("Acknowledge items as handled", "LeasesRequest", {"leases": _LEASES}),
    "extend": (
        "Make leases last longer",
        "ExtendRequest",
        {"leases": _LEASES, "visibility_seconds": 600},
    ),
    "release": ("Give items back", "ReleaseRequest", {"leases": _LEASES, "delay_seconds": 60}),
    "dead-letter": (
        "Take items off the queue that cannot be handled",
        "DeadLetterRequest",
        {"leases": _LEASES, "reason": "Addressed to a body outside government."},
    ),
}

_SLUG = {
    "name": "slug",
    "in": "path",
    "required": True,
    "description": "The department's slug on GOV.UK; `partnerships-hub` for the hub.",
    "schema": {"type": "string"},
    "example": "department-of-health-and-social-care",
}
_AREA = {
    "name": "area",
    "in": "query",
    "required": False,
    "description": "A policy area's slug; several are given by repeating it, none means all.",
    "schema": {"type": "array", "items": {"type": "string"}},
    "explode": True,
}
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The id of the last event received: the stream goes on after it.",
    "schema": {"type": "string"},
}
_STREAM_EXAMPLE = (
    "retry: 3000\nid: MTswOjQy\n\n"
    'id: MTswOjQz\nevent: feedback.routed\ndata: {"specversion":"1.0","id":"…","data":{}}\n\n'
)


def queue_verb(name: str) -> dict[str, Any]:
    """Arguments of the route of a queue verb."""
    summary, model, example = _VERBS[name]
    answer = "ReceiveAnswer" if name == "receive" else "LeasesAnswer"
    body = _json(model)
    body["application/json"]["example"] = example
    return {
        "summary": summary,
        "responses": {200: {"description": "Done.", "content": _json(answer)}}
        | _problems(*_VERB_PROBLEMS),
        "openapi_extra": {
            "parameters": [_SLUG],
            "requestBody": {"required": name != "receive", "content": body},
            "security": [{"key": []}],
        },
    }


def queue_depth() -> dict[str, Any]:
    """Arguments of the route of `GET …/queue`."""
    return {
        "summary": "See how full a queue is",
        "responses": {200: {"description": "Counted.", "content": _json("QueueDepth")}}
        | _problems(401, 403, 404, 410, 503),
        "openapi_extra": {"parameters": [_SLUG], "security": [{"key": []}]},
    }


def open_stream() -> dict[str, Any]:
    """Arguments of the route of `GET /v1/streams`."""
    schema = {"type": "string"}
    stream = {
        "description": "Server-Sent Events: `feedback.routed` with the event as data, `reset` when"
        " the cursor was older than what is kept; comments while nothing happens.",
        "content": {"text/event-stream": {"schema": schema, "example": _STREAM_EXAMPLE}},
    }
    area = _AREA | {"schema": {"type": "array", "items": {"enum": load_policy_areas().slugs}}}
    return {
        "summary": "Stream routed feedback by policy area",
        "responses": {200: stream} | _problems(400, 401, 403, 422, 503),
        "openapi_extra": {"parameters": [area, _LAST_EVENT_ID], "security": [{"key": []}]},
    }


def describe(app: FastAPI) -> None:
    """Adds the models and the security scheme to the app's description."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            components = generate().setdefault("components", {})
            components["schemas"] = _schemas()
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]


def _schemas() -> dict[str, Any]:
    """The models' schemas; requests say that a field they do not know is refused."""
    _, document = models_json_schema(
        [(model, "validation") for model in (*_REQUESTS, *_ANSWERS)], ref_template=_REF
    )
    schemas: dict[str, Any] = document["$defs"]
    for name in _REFUSING:
        schemas[name]["additionalProperties"] = False
    return schemas


def _json(model: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(model=model)}}}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: _problem(status) for status in statuses}


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model="ProblemDocument")}
    problem: dict[str, Any] = {
        "description": _MEANINGS[status],
        "content": {"application/problem+json": {"schema": schema}},
    }
    if status == 503:
        problem["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}
        }
    return problem
