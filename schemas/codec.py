"""Bytes to event and back: the only JSON in the pipeline."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)

_MAX_COMPLAINTS = 5


class UnreadableEvent(ValueError):  # noqa: N818 - named for what it says of the bytes
    """The bytes are not an event of the expected type; the message names fields, never values."""


def encode(event: BaseModel) -> bytes:
    """Writes an event as compact UTF-8 JSON; attributes without a value are left out."""
    return event.__pydantic_serializer__.to_json(event, exclude_none=True)


def decode(payload: bytes | None, model: type[Model]) -> Model:
    """Reads an event; raises `UnreadableEvent` with the places and kinds of what is wrong."""
    if payload is None:
        raise UnreadableEvent("the record has no value")
    try:
        return model.__pydantic_validator__.validate_json(payload)  # type: ignore[no-any-return]
    except ValidationError as error:
        raise UnreadableEvent(_complaints(error)) from None


def _complaints(error: ValidationError) -> str:
    """Says where and what, without the values: they are a person's words."""
    complaints = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [
        f"{'.'.join(map(str, item['loc'])) or 'record'}: {item['type']}"
        for item in complaints[:_MAX_COMPLAINTS]
    ]
    hidden = len(complaints) - len(shown)
    return "; ".join(shown) + (f"; and {hidden} more" if hidden > 0 else "")
