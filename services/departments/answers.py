"""The API's bodies: what clients send, and what they get."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from schemas.feedback import Slug
from services.runtime.plain_text import steers

MAX_ITEMS = 100
MAX_LEASES = 500
MAX_VISIBILITY_SECONDS = 43_200
MAX_WAIT_SECONDS = 20


def _refuse_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("write at least one word")
    return value


def _refuse_steering(value: str) -> str:
    """It is read at a terminal."""
    if steers(value):
        raise ValueError(
            "write one line, without control characters and marks of the direction of writing"
        )
    return value


Visibility = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=MAX_VISIBILITY_SECONDS,
        description="For how long nobody else gets the items.",
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True)


class ReceiveRequest(_Body):
    """How many items to lease, for how long, and how long to wait for the first."""

    max_items: Annotated[int, Field(strict=True, ge=1, le=MAX_ITEMS)] = 10
    visibility_seconds: Visibility = 300
    wait_seconds: Annotated[
        float, Field(strict=True, ge=0, le=MAX_WAIT_SECONDS, allow_inf_nan=False)
    ] = 0


class Lease(_Body):
    """A lease as `receive` gave it."""

    item_id: Annotated[str, Field(min_length=1, max_length=100)]
    lease_token: Annotated[str, Field(min_length=1, max_length=100)]


class LeasesRequest(_Body):
    """Leases to act on, in one call."""

    leases: Annotated[tuple[Lease, ...], Field(max_length=MAX_LEASES)]


class ExtendRequest(LeasesRequest):
    """Leases that shall last for `visibility_seconds` from now."""

    visibility_seconds: Visibility = 300


class ReleaseRequest(LeasesRequest):
    """Leases to give back; their items can be received after `delay_seconds`."""

    delay_seconds: Annotated[int, Field(strict=True, ge=0, le=MAX_VISIBILITY_SECONDS)] = 0


class DeadLetterRequest(LeasesRequest):
    """Leases on items that the department cannot handle, and why."""

    reason: Annotated[
        str,
        Field(
            min_length=1,
            max_length=500,
            description="One line: no control characters, no marks of the direction of writing.",
        ),
        AfterValidator(_refuse_blank),
        AfterValidator(_refuse_steering),
    ]


class ReceivedItem(_Body):
    """A leased item. `feedback` is the whole feedback, with its provenance; `traceparent` is W3C
    Trace Context, for a department that goes on with the trace.
    """

    item_id: str
    lease_token: str
    lease_until: AwareDatetime
    receive_count: int
    role: Literal["lead", "copied"]
    areas: tuple[Slug, ...]
    because: str
    traceparent: str | None = None
    feedback: dict[str, Any]


class ReceiveAnswer(_Body):
    """The leased items; none when the queue had none."""

    items: tuple[ReceivedItem, ...]


class LeaseResult(_Body):
    """What became of one lease.

    `already_done`: the same token did or settled it before. `lost`: the token holds nothing any
    more. `unknown`: the department has no such item.
    """

    item_id: str
    result: Literal["done", "already_done", "lost", "unknown"]


class LeasesAnswer(_Body):
    """A result per lease, in order."""

    results: tuple[LeaseResult, ...]


class QueueDepth(_Body):
    """How full a queue is. The age is that of the oldest item that waits or is in flight."""

    waiting: int
    in_flight: int
    dead: int
    oldest_age_seconds: float | None
