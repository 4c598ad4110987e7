"""Builds feedback, events and records for tests; every value has a sensible default."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from aiokafka import ConsumerRecord

from schemas.codec import encode
from schemas.envelope import FeedbackReceived, FeedbackTagged, follow
from schemas.feedback import Feedback, Kind, Organisation
from schemas.tagging import AreaCandidate, AreaTag, TaggedFeedback, Tagging

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
_IDS = UUID("3a3a5b0e-8f9d-5b57-9e0e-0d8a5f6f0c11")
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def feedback_id(number: int) -> str:
    """The id of the n-th feedback of a test."""
    return str(uuid5(_IDS, str(number)))


def reference(number: int) -> str:
    """The reference of the n-th feedback of a test."""
    digits = ""
    for _ in range(8):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def feedback(number: int = 1, **changes: Any) -> Feedback:
    """A sound observation about damp housing."""
    fields: dict[str, Any] = {
        "id": feedback_id(number),
        "reference": reference(number),
        "kind": Kind.OBSERVATION,
        "text": "Families we support live with damp and mould that the landlord will not mend.",
        "organisation": Organisation(id="org-1", name="Advice Shed"),
        "received_at": NOON,
    }
    return Feedback(**(fields | changes))


def received(number: int = 1, **changes: Any) -> FeedbackReceived:
    """The event of an accepted feedback."""
    item = feedback(number, **changes)
    return FeedbackReceived.of(
        item, feedback_id=item.id, marking=item.marking, time=item.received_at
    )


def tagging(*areas: str, **changes: Any) -> Tagging:
    """A tagging with the given areas, all of them probable."""
    fields: dict[str, Any] = {
        "areas": tuple(AreaTag(area=area, probability=0.9, reasons=("damp",)) for area in areas),
        "candidates": tuple(AreaCandidate(area=area, probability=0.9) for area in areas),
        "model_version": "test-1",
        "vocabulary_version": "test-1",
    }
    return Tagging(**(fields | changes))


def tagged(number: int = 1, *areas: str, **changes: Any) -> FeedbackTagged:
    """The event of a tagged feedback, by default about housing."""
    cause = received(number, **changes)
    data = TaggedFeedback(feedback=cause.data, tagging=tagging(*(areas or ("housing",))))
    return follow(cause, FeedbackTagged, data, time=NOON)


def record(
    value: bytes | None,
    *,
    offset: int = 0,
    key: bytes | None = b"key",
    topic: str = "feedback.received",
    partition: int = 0,
    headers: tuple[tuple[str, bytes], ...] = (),
) -> ConsumerRecord:
    """A record as a consumer gets it."""
    return ConsumerRecord(
        topic, partition, offset, 0, 0, key, value, None, -1, len(value or b""), headers
    )


def received_record(number: int, offset: int | None = None) -> ConsumerRecord:
    """The n-th feedback as a record."""
    return record(
        encode(received(number)),
        offset=number if offset is None else offset,
        key=feedback_id(number).encode(),
    )
