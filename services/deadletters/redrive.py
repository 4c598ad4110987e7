"""What a redrive is: a named job that sends dead letters to their origin, and how it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.deadletters.filter import Filter
from services.deadletters.letter import DeadLetter, DeadRecord
from services.runtime.deadletter import original_headers
from services.runtime.kafka import Record
from services.runtime.redrive import Redriven

CHUNK = 100

# where the origin topics ended before anything of a chunk was published: topic → partition → offset
Marks = Mapping[str, Mapping[int, int]]


class JobState(StrEnum):
    """`running` is also a redrive that was interrupted, and goes on where it is run again."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Redrive:
    """A redrive as it was ordered and as it stands.

    `only` takes nothing that died after it was ordered, however often it is gone on with.
    `rate` is letters a second, `most` the most letters that it takes; `None` is without limit.
    `expected` letters matched when it was ordered. `redriven` were confirmed by the broker,
    `failed` can never be published: each says why. `cancel_by` is who asked it to stop.
    `held_until`: somebody runs it, if that is not over.
    """

    name: str
    by: str
    reason: str
    only: Filter
    created_at: datetime
    rate: float | None
    most: int | None
    expected: int
    state: JobState = JobState.RUNNING
    redriven: int = 0
    failed: int = 0
    cancel_by: str | None = None
    ended_at: datetime | None = None
    held_until: datetime | None = None

    def left(self) -> int | None:
        """How many letters it may still take; `None` is without limit."""
        return None if self.most is None else max(0, self.most - self.redriven - self.failed)


def chunk_size(redrive: Redrive) -> int:
    """Letters to take at once: at most what the rate allows in a second, so that it stays even."""
    sizes = [CHUNK]
    if redrive.rate is not None:
        sizes.append(max(1, int(redrive.rate)))
    if (left := redrive.left()) is not None:
        sizes.append(left)
    return min(sizes)


def redriven_record(letter: DeadLetter, dead: DeadRecord) -> Record:
    """The original record for its origin, with who it is for; `letter` has been claimed.

    It goes to the partition that it came from, so that the redrive can look for it there.
    """
    redriven = Redriven(
        letter_id=letter.id,
        group=letter.group,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        count=letter.redrives,
        name=letter.claims[-1].redrive,
    )
    headers = original_headers(dead) + redriven.headers()
    return Record(letter.topic, dead.key, dead.value, headers, partition=letter.partition)


def record_bytes(record: Record) -> int:
    """How large a record is to the broker, at most: its parts and what frames them."""
    parts = [record.key, record.value, *(value for _, value in record.headers)]
    names = sum(len(name.encode()) for name, _ in record.headers)
    framing = _FRAME_BYTES + _HEADER_FRAME_BYTES * len(record.headers)
    return framing + names + sum(len(part or b"") for part in parts)


_FRAME_BYTES = 128
_HEADER_FRAME_BYTES = 10
