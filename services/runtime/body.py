"""Reads the bodies of requests: within limits of size and time, as JSON of a model."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from services.runtime.problem import Problem

_MAX_ERRORS = 20
_MAX_DISCARDED_BYTES = 33_554_432

Model = TypeVar("Model", bound=BaseModel)


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
