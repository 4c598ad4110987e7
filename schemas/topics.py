"""Every topic: its name, key, partitions, retention, event and dead-letter twin."""

from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel

from schemas.envelope import FeedbackProgressed, FeedbackReceived, FeedbackRouted, FeedbackTagged

MAX_RECORD_BYTES = 1_048_576
MAX_DEAD_RECORD_BYTES = 2 * MAX_RECORD_BYTES  # the whole record and what is said about it


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and the event on it; records are keyed by feedback id."""

    name: str
    event: type[BaseModel]
    partitions: int = 6
    retention: timedelta = timedelta(days=30)
    max_record_bytes: int = MAX_RECORD_BYTES

    def dead_letters(self) -> "Topic":
        """The dead-letter twin: same partitions, so that a key's dead letters stay in order."""
        return Topic(
            name=f"{self.name}.dead",
            event=self.event,
            partitions=self.partitions,
            retention=self.retention,
            max_record_bytes=MAX_DEAD_RECORD_BYTES,
        )


RECEIVED = Topic("feedback.received", FeedbackReceived)
TAGGED = Topic("feedback.tagged", FeedbackTagged)
ROUTED = Topic("feedback.routed", FeedbackRouted)
PROGRESSED = Topic("feedback.progressed", FeedbackProgressed)

CONSUMED = (RECEIVED, TAGGED, ROUTED, PROGRESSED)
TOPICS = CONSUMED + tuple(topic.dead_letters() for topic in CONSUMED)
