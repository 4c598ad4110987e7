"""Every topic: its name, event, who sends and reads it, partitions, retention, dead-letter twin."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from schemas.envelope import (
    Event,
    FeedbackCorrected,
    FeedbackProgressed,
    FeedbackReceived,
    FeedbackRouted,
    FeedbackTagged,
)

MAX_RECORD_BYTES = 1_048_576
MAX_DEAD_RECORD_BYTES = 2 * MAX_RECORD_BYTES  # the whole record and what is said about it

RETENTION = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and the event on it. Records are keyed by feedback id, so that it stays in order."""

    name: str
    event: type[Event[Any]]
    sent_by: str
    read_by: tuple[str, ...]
    partitions: int = 6
    retention: timedelta = RETENTION
    max_record_bytes: int = MAX_RECORD_BYTES

    def dead_letters(self) -> "Topic":
        """The twin that takes what its readers give up; as many partitions, so that keys stay
        in order there too.
        """
        return Topic(
            name=f"{self.name}.dead",
            event=self.event,
            sent_by=" and ".join(self.read_by),
            read_by=(),
            partitions=self.partitions,
            retention=self.retention,
            max_record_bytes=MAX_DEAD_RECORD_BYTES,
        )


RECEIVED = Topic("feedback.received", FeedbackReceived, "intake", ("classifier",))
TAGGED = Topic("feedback.tagged", FeedbackTagged, "classifier", ("router",))
ROUTED = Topic("feedback.routed", FeedbackRouted, "router", ("intake", "departments"))
PROGRESSED = Topic("feedback.progressed", FeedbackProgressed, "departments", ("intake",))
CORRECTED = Topic("feedback.corrected", FeedbackCorrected, "departments", ("classifier",))

CONSUMED = (RECEIVED, TAGGED, ROUTED, PROGRESSED, CORRECTED)
TOPICS = CONSUMED + tuple(topic.dead_letters() for topic in CONSUMED)
