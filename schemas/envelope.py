"""CloudEvents 1.0 in structured JSON mode: the envelope, and the events that the pipeline knows."""

from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from schemas.correction import CorrectedFeedback
from schemas.feedback import Contract, Feedback, FeedbackId, Marking
from schemas.ids import derive_id
from schemas.progress import ProgressedFeedback
from schemas.routing import RoutedFeedback
from schemas.tagging import TaggedFeedback
from schemas.tracing import child

_EVENT_IDS = UUID("5f0b6f3e-6f0a-5c1c-9a53-0d2f0c5f7e11")

Data = TypeVar("Data", bound=Contract)
NextEvent = TypeVar("NextEvent", bound="Event[Any]")


def event_id(event_type: str, feedback_id: str, revision: int, step: str = "") -> str:
    """Derives an event's id, so that a repeated event has the id of the first."""
    return derive_id(_EVENT_IDS, f"{event_type}/{feedback_id}/{revision}/{step}")


class Event(Contract, Generic[Data]):
    """A CloudEvents envelope around `data`. Attribute names are CloudEvents' own: lower case.

    `revision` counts what happened to one feedback; consumers that change state ignore older ones.
    `traceparent` is W3C Trace Context and names the span in which the event was made;
    `causationid` is the id of the event that led to this one.
    """

    TYPE: ClassVar[str]
    SOURCE: ClassVar[str]

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(min_length=1, max_length=64)
    source: str = Field(min_length=1, max_length=200)
    type: str
    subject: FeedbackId
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    correlationid: str
    causationid: str | None = None
    traceparent: str | None = Field(default=None, max_length=128)
    dataclassification: Marking
    revision: int = Field(ge=1)
    data: Data

    @classmethod
    def of(
        cls,
        data: Data,
        *,
        feedback_id: str,
        marking: Marking,
        time: datetime,
        revision: int = 1,
        step: str = "",
        correlation_id: str | None = None,
        causation_id: str | None = None,
        traceparent: str | None = None,
    ) -> Self:
        """Wraps `data`; the event's id derives from type, feedback id, revision and step."""
        return cls(
            id=event_id(cls.TYPE, feedback_id, revision, step),
            source=cls.SOURCE,
            type=cls.TYPE,
            subject=feedback_id,
            time=time,
            dataschema=f"urn:frontline:schema:{cls.TYPE}",
            correlationid=correlation_id or feedback_id,
            causationid=causation_id,
            traceparent=traceparent,
            dataclassification=marking,
            revision=revision,
            data=data,
        )


def follow(cause: Event[Any], event: type[NextEvent], data: Contract, time: datetime) -> NextEvent:
    """Builds the event that `cause` led to: same feedback, revision, marking and trace, in the
    span of the stage that makes it.
    """
    return event.of(
        data,
        feedback_id=cause.subject,
        marking=cause.dataclassification,
        time=time,
        revision=cause.revision,
        correlation_id=cause.correlationid,
        causation_id=cause.id,
        traceparent=child(cause.traceparent, cause.subject, cause.id, event.SOURCE),
    )


class FeedbackReceived(Event[Feedback]):
    """Intake accepted a submission."""

    TYPE = "frontline.feedback.received.v1"
    SOURCE = "/frontline/intake"
    type: Literal["frontline.feedback.received.v1"]


class FeedbackTagged(Event[TaggedFeedback]):
    """The classifier tagged a feedback by policy area, or abstained."""

    TYPE = "frontline.feedback.tagged.v1"
    SOURCE = "/frontline/classifier"
    type: Literal["frontline.feedback.tagged.v1"]


class FeedbackRouted(Event[RoutedFeedback]):
    """The router put a feedback on the queues of its departments."""

    TYPE = "frontline.feedback.routed.v1"
    SOURCE = "/frontline/router"
    type: Literal["frontline.feedback.routed.v1"]


class FeedbackProgressed(Event[ProgressedFeedback]):
    """A department took a step on a feedback."""

    TYPE = "frontline.feedback.progressed.v1"
    SOURCE = "/frontline/departments"
    type: Literal["frontline.feedback.progressed.v1"]


class FeedbackCorrected(Event[CorrectedFeedback]):
    """A team corrected the tags of a feedback."""

    TYPE = "frontline.feedback.corrected.v1"
    SOURCE = "/frontline/departments"
    type: Literal["frontline.feedback.corrected.v1"]
