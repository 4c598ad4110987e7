"""The API's description: OpenAPI 3.1 from the models that validate, with examples and problems."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.feedback import Submission
from services.intake.answers import (
    AcceptedFeedback,
    Batch,
    BatchAnswer,
    TrackedFeedback,
)
from services.runtime.problem import ProblemDocument

_REF = "#/components/schemas/{model}"
_MODELS: tuple[type[BaseModel], ...] = (
    Submission,
    Batch,
    AcceptedFeedback,
    BatchAnswer,
    TrackedFeedback,
    ProblemDocument,
)
_REQUESTS = {"Submission", "BatchItem", "Batch", "Place", "Provenance", "About"}

_MEANINGS = {
    400: "Not JSON, nested too deeply, or a malformed Idempotency-Key.",
    401: "No key, or one that is not valid.",
    403: "Not a charity's key.",
    404: "The organisation has no such feedback.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "Not application/json, or encoded.",
    422: "The body is not valid (errors say where), or the key came before with another body.",
    429: "Too many submissions with this key.",
    503: "The database is away or too much is under way. Send it again with the same key.",
}
_WITH_RETRY_AFTER = {429, 503}

_SHORT = {"kind": "observation", "text": "Three families were told to wait nine weeks for a visit."}
_FULL = {
    "kind": "practice",
    "text": "A shared referral form with the council halved the time until someone gets advice.",
    "language": "en",
    "observed_at": "2026-03-02",
    "place": {"postcode": "LS6 3AB"},
    "provenance": {
        "method": "drop-in sessions",
        "people": 42,
        "whose_views": "tenants in temporary accommodation",
        "known_gaps": "few people over 70 took part",
    },
    "capacity": "deliverer",
    "interests": ["funded by the council named"],
    "marking": "restricted",
    "about": {"areas": ["housing"], "departments": ["department-of-health-and-social-care"]},
}
_BATCH = {"items": [{**_SHORT, "idempotency_key": "2026-03-02/17"}, _FULL]}

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A word or a quoted string of 1 to 255 ASCII characters, new for each"
    " submission. The same key with the same body gets the first answer again.",
    "schema": {
        "type": "string",
        "pattern": r'^("([ !#-\[\]-~]|\\["\\])+"|[!#-+\--:<-\[\]-~]+)$',
        "maxLength": 255,
    },
    "example": '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
}
_TRACEPARENT = {
    "name": "traceparent",
    "in": "header",
    "required": False,
    "description": "W3C Trace Context; every event about the feedback stays in this trace.",
    "schema": {"type": "string"},
}
_FEEDBACK_ID = {
    "name": "feedback_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}


def submit_one() -> dict[str, Any]:
    """Arguments of the route of `POST /v1/feedback`."""
    return {
        "summary": "Submit feedback",
        "status_code": 202,
        "responses": {202: _accepted("AcceptedFeedback", location=True)}
        | _problems(400, 401, 403, 408, 413, 415, 422, 429, 503),
        "openapi_extra": {
            "parameters": [_IDEMPOTENCY_KEY, _TRACEPARENT],
            "requestBody": _body("Submission", {"shortest": _SHORT, "complete": _FULL}),
            "security": [{"key": []}],
        },
    }


def submit_many() -> dict[str, Any]:
    """Arguments of the route of `POST /v1/feedback/batch`."""
    return {
        "summary": "Submit up to 500 feedbacks",
        "status_code": 202,
        "responses": {202: _accepted("BatchAnswer", location=False)}
        | _problems(400, 401, 403, 408, 413, 415, 422, 429, 503),
        "openapi_extra": {
            "parameters": [_TRACEPARENT],
            "requestBody": _body("Batch", {"two": _BATCH}),
            "security": [{"key": []}],
        },
    }


def read_one() -> dict[str, Any]:
    """Arguments of the route of `GET /v1/feedback/{feedback_id}`."""
    found = {"description": "Its way so far.", "content": _json("TrackedFeedback")}
    return {
        "summary": "See what became of feedback",
        "responses": {200: found} | _problems(401, 404, 503),
        "openapi_extra": {"parameters": [_FEEDBACK_ID], "security": [{"key": []}]},
    }


def describe(app: FastAPI) -> None:
    """Adds the models and the security scheme to the app's description."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            components = document.setdefault("components", {})
            components["schemas"] = _schemas()
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]


def _schemas() -> dict[str, Any]:
    """The models' schemas; requests say that a field they do not know is refused."""
    _, document = models_json_schema(
        [(model, "validation") for model in _MODELS], ref_template=_REF
    )
    schemas: dict[str, Any] = document["$defs"]
    for name in _REQUESTS:
        schemas[name]["additionalProperties"] = False
    schemas["Place"]["minProperties"] = 1
    # a request may have the whole postcode: intake keeps its outward part, which the pattern is of
    schemas["Place"]["properties"]["postcode"]["anyOf"] = [{"type": "string"}, {"type": "null"}]
    return schemas


def _json(model: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(model=model)}}}


def _body(model: str, examples: Mapping[str, Any]) -> dict[str, Any]:
    content = _json(model)
    content["application/json"]["examples"] = {
        name: {"value": value} for name, value in examples.items()
    }
    return {"required": True, "content": content}


def _accepted(model: str, *, location: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Accepted, durably.", "content": _json(model)}
    if location:
        description = "Where to see what became of it."
        answer["headers"] = {
            "Location": {"description": description, "schema": {"type": "string"}, "required": True}
        }
    return answer


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: _problem(status) for status in statuses}


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model="ProblemDocument")}
    answer: dict[str, Any] = {
        "description": _MEANINGS[status],
        "content": {"application/problem+json": {"schema": schema}},
    }
    if status in _WITH_RETRY_AFTER:
        answer["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}
        }
    return answer
