"""Bodies: read within limits, validated strictly, described in OpenAPI; answers as one JSON."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from services.runtime.body import parse_body, read_body
from services.runtime.problem import Problem

_MOST_BYTES = 65_536

Model = TypeVar("Model", bound=BaseModel)

Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=500,
        description="Why; kept in the audit. Never name a person.",
        examples=["The model is put back"],
    ),
]


class Body(BaseModel):
    """What an operator asks for; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Because(Body):
    """A change that needs nothing but its reason."""

    reason: Reason


def reading(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """A dependency that reads the body as this model."""

    async def read(request: Request) -> Model:
        content_type = request.headers.get("content-type", "application/json")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise Problem(
                415, "Content type not supported", "Send JSON with Content-Type: application/json."
            )
        return parse_body(await read_body(request, _MOST_BYTES), model)

    return read


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """How OpenAPI describes a route's body."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


def answer(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The answer as the command line's `--json` has it: ISO 8601 times, durations in seconds."""
    return Response(
        to_json(value, timedelta_mode="float"),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        "application/json",
    )
