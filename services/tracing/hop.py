"""A hop: what one consumer group did with one record of a feedback."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.ids import read_feedback_key
from services.runtime.consume import Settled
from services.runtime.redrive import read_redriven
from services.runtime.times import from_milliseconds


@dataclass(slots=True)
class Hop:
    """`sent_at` is when the record was published; `group` is with the installation's prefix, and
    `redrive` the name of the redrive that sent the record again.
    """

    feedback_id: str
    group: str
    topic: str
    partition: int
    offset: int
    sent_at: datetime
    started_at: datetime
    finished_at: datetime
    outcome: str
    attempts: int
    service: str
    version: str
    event_id: str | None = None
    error: str | None = None
    redrive: str | None = None

    @property
    def id(self) -> str:
        """The same whenever the same record is settled again; begins with the feedback's id."""
        return f"{self.feedback_id}/{self.group}/{self.partition}/{self.offset}"

    @property
    def waited_seconds(self) -> float:
        """From being published to being taken up."""
        return max(0.0, (self.started_at - self.sent_at).total_seconds())

    @property
    def took_seconds(self) -> float:
        """From being taken up to being settled, with the rest of its batch."""
        return max(0.0, (self.finished_at - self.started_at).total_seconds())


def hop_of(settled: Settled[Any], group: str, service: str, version: str) -> Hop | None:
    """The hop of a settled record; `None` where its key is no feedback's id, as strangers' are."""
    record = settled.record
    feedback_id = read_feedback_key(record.key)
    if feedback_id is None:
        return None
    redriven = read_redriven(record) if record.headers else None
    return Hop(
        feedback_id,
        group,
        record.topic,
        record.partition,
        record.offset,
        from_milliseconds(record.timestamp),
        settled.started_at,
        settled.finished_at,
        settled.outcome,
        settled.attempts,
        service,
        version,
        event_id_of(settled.event),
        settled.error,
        redriven.name if redriven else None,
    )


def event_id_of(event: Any) -> str | None:
    """The id of an event, or of what a stage made of it while decoding."""
    found = getattr(event, "id", None) or getattr(event, "event_id", None)
    return str(found) if found else None
