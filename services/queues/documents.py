"""The shape of `feedback` and `queue_items` in MongoDB: documents built, and read back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas.feedback import Feedback, Marking
from schemas.routing import Role
from services.queues.item import bucket_of, feedback_id_of, item_id
from services.queues.store import Acknowledgement, LeasedItem, NewItem

Document = dict[str, Any]

UNPUBLISHED = "unpublished"
PUBLISHED = "published"


def feedback_document(feedback: Feedback) -> Document:
    """The feedback as JSON would have it, except `received_at`, which is a date to query by."""
    document: Document = feedback.__pydantic_serializer__.to_python(
        feedback, mode="json", exclude_none=True
    )
    document["_id"] = document.pop("id")
    document["received_at"] = feedback.received_at
    return document


def item_document(item: NewItem, feedback: Feedback, now: datetime) -> Document:
    """A waiting item. Its turn goes by when the feedback was received, however it got here."""
    return {
        "_id": item_id(item.feedback_id, item.department),
        "department": item.department,
        "state": "waiting",
        "bucket": bucket_of(item.feedback_id),
        "visible_at": min(feedback.received_at, now),
        "receive_count": 0,
        "role": item.role,
        "areas": item.areas,
        "because": item.because,
        "rule": item.rule,
        "revision": item.revision,
        "marking": feedback.marking,
        "created_at": now,
        "traceparent": item.traceparent,
    }


def read_feedback(document: Document) -> Document:
    """A stored feedback as the outside knows it: its id is called `id`."""
    return {"id" if name == "_id" else name: value for name, value in document.items()}


def read_leased(document: Mapping[str, Any], feedback: Mapping[str, Any] | None) -> LeasedItem:
    """A claimed item with its feedback; one whose text is gone has but its id."""
    name = document["_id"]
    lease = document["lease"]
    return LeasedItem(
        item_id=name,
        lease_token=lease["token"],
        lease_until=lease["until"],
        receive_count=document["receive_count"],
        role=Role(document["role"]),
        areas=tuple(document["areas"]),
        because=document["because"],
        rule=document["rule"],
        revision=document["revision"],
        feedback=feedback or {"id": feedback_id_of(name)},
        traceparent=document.get("traceparent"),
    )


def read_acknowledgement(document: Mapping[str, Any]) -> Acknowledgement:
    """A settled item as the outbox of `feedback.progressed` sees it."""
    return Acknowledgement(
        item_id=document["_id"],
        feedback_id=feedback_id_of(document["_id"]),
        department=document["department"],
        revision=document["revision"],
        marking=Marking(document["marking"]),
        at=document["settlement"]["at"],
        traceparent=document.get("traceparent"),
    )
