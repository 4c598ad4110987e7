"""Decides what becomes of a queue item: the pure lifecycle that every store follows.

    waiting ──claim──▶ waiting, leased ──acknowledge──▶ settled
       ▲                    │      │
       │◀──lease expires────┤      └──dead_letter──▶ dead
       └◀──release, give back
    waiting ──claim, received too often──▶ dead
    dead ──an operator redrives it──▶ waiting, as if never received
    dead ──an operator discards it──▶ discarded ──redrives it after all──▶ waiting

A lease is held by whoever knows its token until it expires; every claim has a new token, so that
an old one has no effect. An expired lease that nobody took again may still be settled or released.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from zlib import crc32

from schemas.feedback import Marking
from schemas.routing import Role

BUCKETS = 16
MOST_RECEIVES = 5


class State(StrEnum):
    """Where an item is in its life; a leased item is waiting too."""

    WAITING = "waiting"
    SETTLED = "settled"
    DEAD = "dead"
    DISCARDED = "discarded"


class Result(StrEnum):
    """What a verb did to one lease.

    `already_done`: the same token did it, or settled the item, before. `lost`: the token holds
    nothing any more. `unknown`: the department has no such item.
    """

    DONE = "done"
    ALREADY_DONE = "already_done"
    LOST = "lost"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Lease:
    """The last claim on an item; over once released, settled, expired or claimed anew."""

    token: str
    until: datetime
    released: bool = False


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an item ended; without a token when no holder ended it, but the limit of receives."""

    token: str | None
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One feedback on one department's queue. Receivable from `visible_at` on."""

    id: str
    department: str
    role: Role
    areas: tuple[str, ...]
    because: str
    rule: str
    revision: int
    marking: Marking
    created_at: datetime
    visible_at: datetime
    state: State = State.WAITING
    receive_count: int = 0
    lease: Lease | None = None
    settlement: Settlement | None = None
    traceparent: str | None = None

    @property
    def feedback_id(self) -> str:
        """The feedback that the item is about."""
        return feedback_id_of(self.id)

    def is_ready(self, now: datetime) -> bool:
        """Whether a claim may take it."""
        return self.state is State.WAITING and self.visible_at <= now

    def is_leased(self, now: datetime) -> bool:
        """Whether somebody holds it."""
        lease = self.lease
        return (
            self.state is State.WAITING
            and lease is not None
            and not lease.released
            and lease.until > now
        )


def item_id(feedback_id: str, department: str) -> str:
    """The id of the one item that a feedback has on a department's queue."""
    return f"{feedback_id}:{department}"


def feedback_id_of(item: str) -> str:
    """The feedback id in an item's id."""
    return item.rpartition(":")[0]


def bucket_of(feedback_id: str) -> int:
    """The bucket of a feedback: the same in every process and for ever."""
    return crc32(feedback_id.encode()) % BUCKETS


def too_often(receives: int) -> str:
    """The reason of an item that died because nobody acknowledged it."""
    return f"received {receives} times without an acknowledgement"


def claim(
    item: Item, token: str, visibility: timedelta, now: datetime, most_receives: int
) -> Item | None:
    """Leases a ready item, or ends it when it was received too often; `None` when not ready."""
    if not item.is_ready(now):
        return None
    if item.receive_count >= most_receives:
        settlement = Settlement(None, now, too_often(item.receive_count))
        return replace(item, state=State.DEAD, settlement=settlement)
    until = now + visibility
    return replace(
        item,
        lease=Lease(token, until),
        visible_at=until,
        receive_count=item.receive_count + 1,
    )


def acknowledge(item: Item, token: str, now: datetime) -> tuple[Item, Result]:
    """Settles an item whose lease nobody took since; expired is no hindrance."""
    if refusal := _refuse(item, token):
        return item, refusal
    return replace(item, state=State.SETTLED, settlement=Settlement(token, now)), Result.DONE


def dead_letter(item: Item, token: str, reason: str, now: datetime) -> tuple[Item, Result]:
    """Ends an item that the department cannot handle; expired is no hindrance."""
    if refusal := _refuse(item, token):
        return item, refusal
    return replace(item, state=State.DEAD, settlement=Settlement(token, now, reason)), Result.DONE


def release(item: Item, token: str, delay: timedelta, now: datetime) -> tuple[Item, Result]:
    """Puts an item back, receivable after `delay`; expired is no hindrance."""
    if refusal := _refuse(item, token):
        released = _is_last_lease(item, token) and item.state is State.WAITING
        return item, Result.ALREADY_DONE if released else refusal
    assert item.lease is not None
    lease = replace(item.lease, released=True)
    return replace(item, lease=lease, visible_at=now + delay), Result.DONE


def give_back(item: Item, token: str, now: datetime) -> tuple[Item, Result]:
    """Puts an item back as if it had not been claimed; its turn goes by when it was queued."""
    released, result = release(item, token, timedelta(), now)
    if result is not Result.DONE:
        return item, result
    count = item.receive_count - 1
    return replace(released, visible_at=item.created_at, receive_count=count), result


def extend(item: Item, token: str, visibility: timedelta, now: datetime) -> tuple[Item, Result]:
    """Makes a lease last `visibility` from now; an expired one is lost."""
    if refusal := _refuse(item, token):
        return item, refusal
    assert item.lease is not None
    if item.lease.until <= now:
        return item, Result.LOST
    until = now + visibility
    return replace(item, lease=Lease(token, until), visible_at=until), Result.DONE


def _refuse(item: Item, token: str) -> Result | None:
    """Why a token may do nothing to an item, or `None` when it may."""
    if item.settlement is not None:
        return Result.ALREADY_DONE if item.settlement.token == token else Result.LOST
    if not _is_last_lease(item, token) or (item.lease and item.lease.released):
        return Result.LOST
    return None


def _is_last_lease(item: Item, token: str) -> bool:
    return item.lease is not None and item.lease.token == token
