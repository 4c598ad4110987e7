"""Decides what becomes of a dead letter: the pure lifecycle that the store follows.

    waiting ──claim──▶ redriving ──published──▶ redriven
       ▲  ▲                │                       │
       │  └──put back──────┤◀─ its n-th death ─────┤
       └───────────────────┴───────────────────────┘
    waiting ──discard──▶ discarded ──claim──▶ redriving ──put back──▶ waiting

A letter is one record that one consumer group gave up, whatever becomes of it afterwards. Each
claim counts one more redrive, and the count travels with the record: a dead letter that carries the
count of the last claim says that this very redrive failed. One with a smaller count is a repeat,
but for a first death that began long after an ended letter's last: its topic was lost and made
anew, and another record has the letter's place, and so its id.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from schemas.ids import read_feedback_key
from services.runtime.deadletter import HEADER_PREFIX

DEAD_TOPIC_SUFFIX = ".dead"


class State(StrEnum):
    """Where a letter is in its life; a redrive that was begun and not finished is `redriving`."""

    WAITING = "waiting"
    REDRIVING = "redriving"
    REDRIVEN = "redriven"
    DISCARDED = "discarded"


ENDED = (State.REDRIVEN, State.DISCARDED)
CLAIMABLE = (State.WAITING, State.DISCARDED)

# a consumer that was killed before it committed gives the same record up once more, this much later
# at most as a rule; later still it costs a look and has its effect once all the same
REPEATED_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Claim:
    """One redrive that took the letter: its name, the how manieth of this letter, and when.

    `failed`: why it could not be published, if so.
    """

    redrive: str
    count: int
    at: datetime
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Discard:
    """Who ended a letter without redriving it, when and why."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is known of a record given up; never its text.

    `topic`, `partition` and `offset` are its origin, `dead_partition` and `dead_offset` its place
    in the origin's `.dead` topic, of its last death as `error`, `reason` and the times are.
    `group` is the whole name. `size` is that of the value in bytes. `claims` are all redrives that
    took it, the last last; `redrives` is the last one's count. `unsendable`: why its record can
    never be redriven, as when retention took it. `ended_at`: when it was redriven or discarded.
    """

    id: str
    topic: str
    partition: int
    offset: int
    group: str
    feedback_id: str | None
    error: str
    reason: str
    attempts: int
    first_at: datetime
    last_at: datetime
    service: str
    version: str
    size: int
    dead_partition: int
    dead_offset: int
    redrives: int = 0
    state: State = State.WAITING
    died_again: bool = False
    claims: tuple[Claim, ...] = ()
    discard: Discard | None = None
    unsendable: str | None = None
    ended_at: datetime | None = None

    @property
    def dead_topic(self) -> str:
        """The topic that holds the whole record."""
        return self.topic + DEAD_TOPIC_SUFFIX


class DeadRecord(Protocol):
    """A record of a `.dead` topic, as a Kafka client gives it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class NoDeadLetter(ValueError):  # noqa: N818 - says what the record is
    """A record of a `.dead` topic that is not what our consumers write."""


def read_letter(record: DeadRecord) -> DeadLetter:
    """What a record of a `.dead` topic says of itself, as a new letter.

    Raises `NoDeadLetter` when a header is missing or makes no sense.
    """
    story = {
        name.removeprefix(HEADER_PREFIX): (value or b"").decode("utf-8", "replace")
        for name, value in record.headers
        if name.startswith(HEADER_PREFIX)
    }
    try:
        letter = DeadLetter(
            id=story["id"],
            topic=story["topic"],
            partition=_number(story["partition"], _MOST_PARTITION),
            offset=_number(story["offset"], _MOST_OFFSET),
            group=story["group"],
            feedback_id=read_feedback_key(record.key),
            error=story["error"],
            reason=story["reason"],
            attempts=_number(story["attempts"], _MOST_TIMES),
            first_at=_time(story["first-at"]),
            last_at=_time(story["last-at"]),
            service=story["service"],
            version=story["version"],
            size=len(record.value or b""),
            dead_partition=record.partition,
            dead_offset=record.offset,
            redrives=_number(story.get("redrives", "0"), _MOST_TIMES),
        )
    except KeyError as error:
        raise NoDeadLetter(f"has no header {HEADER_PREFIX}{error.args[0]}") from None
    except ValueError as error:
        raise NoDeadLetter(str(error)) from None
    if letter.dead_topic != record.topic:
        raise NoDeadLetter("names another topic as its origin")
    return replace(letter, died_again=letter.redrives > 0)


def died_again(known: DeadLetter, seen: DeadLetter) -> bool:
    """Whether a record seen in the `.dead` topic tells a new death of a letter known already."""
    if seen.redrives > known.redrives:
        return True  # the index was lost since, and is behind
    if seen.redrives == 0:  # a topic that was lost and made anew gives its places a second time
        return known.state in ENDED and seen.first_at > known.last_at + REPEATED_WITHIN
    redriven = known.state in (State.REDRIVING, State.REDRIVEN)
    return redriven and seen.redrives == known.redrives


# what Kafka counts partitions and offsets in, which the database can keep, and far more often than
# anything is tried
_MOST_PARTITION = 2**31 - 1
_MOST_OFFSET = 2**63 - 1
_MOST_TIMES = 1_000_000


def _number(text: str, most: int) -> int:
    number = int(text)
    if not 0 <= number <= most:
        raise ValueError(f"has a number that is not from 0 to {most}")
    return number


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"has a time without zone: {text}")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"has a time that no calendar holds: {text}") from None
