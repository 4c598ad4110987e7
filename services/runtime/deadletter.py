"""Dead letters: the whole record, and in its headers where it came from and why it was given up."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from aiokafka import ConsumerRecord

from services.runtime.errors import ConsumeError
from services.runtime.kafka import Record
from services.runtime.redrive import REDRIVE_PREFIX, read_redriven

HEADER_PREFIX = "frontline-dead-"
_DEAD_LETTER_IDS = UUID("0c6f2d0e-8f64-5c0b-8a54-6b1f6f0f6a43")
_MAX_REASON_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class Failure:
    """A record given up: what went wrong, how often it was tried, and when first and last."""

    record: ConsumerRecord
    error: ConsumeError
    attempts: int
    first_at: datetime
    last_at: datetime


def dead_letter_id(topic: str, partition: int, offset: int, group: str) -> str:
    """Derives the id from the record's origin: a dead letter written twice has one id."""
    return str(uuid5(_DEAD_LETTER_IDS, f"{topic}/{partition}/{offset}/{group}"))


def dead_letter(failure: Failure, group: str, service: str, version: str) -> Record:
    """Builds the record for the twin topic: original key, bytes, headers, and the story of it.

    One that was redriven and died again keeps its first place and id; `redrives` counts how often.
    """
    record = failure.record
    place, redrives = (record.topic, record.partition, record.offset), 0
    redriven = read_redriven(record)
    if redriven is not None and redriven.group == group:
        place, redrives = (redriven.topic, redriven.partition, redriven.offset), redriven.count
    story = {
        "id": dead_letter_id(*place, group),
        "topic": place[0],
        "partition": str(place[1]),
        "offset": str(place[2]),
        "group": group,
        "error": type(failure.error).__name__,
        "reason": str(failure.error),
        "attempts": str(failure.attempts),
        "first-at": failure.first_at.isoformat(),
        "last-at": failure.last_at.isoformat(),
        "service": service,
        "version": version,
    }
    if redrives:
        story["redrives"] = str(redrives)
    headers = original_headers(record)
    headers += [
        (HEADER_PREFIX + name, value.encode("utf-8", "replace")[:_MAX_REASON_BYTES])
        for name, value in story.items()
    ]
    return Record(f"{record.topic}.dead", record.key, record.value, headers)


def original_headers(record: ConsumerRecord) -> list[tuple[str, bytes]]:
    """A record's headers without what dying and redriving added."""
    ours = (HEADER_PREFIX, REDRIVE_PREFIX)
    return [(name, value) for name, value in record.headers if not name.startswith(ours)]
