"""The contract of a queue store; `tests/component/test_queue_conformance.py` holds them to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from schemas.feedback import Feedback, Marking
from schemas.routing import Role
from services.queues.item import Result


@dataclass(frozen=True, slots=True)
class NewItem:
    """What the router puts on a queue. `areas` are slugs, the most probable first; `rule` and
    `because` say which rule chose the department, and why in words; `traceparent` names the span
    in which it did.
    """

    feedback_id: str
    department: str
    role: Role
    areas: tuple[str, ...]
    because: str
    rule: str
    revision: int
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class LeaseRef:
    """A lease as its holder names it."""

    item_id: str
    token: str


@dataclass(frozen=True, slots=True)
class LeasedItem:
    """An item in a department's hands, with the whole feedback: `id`, `reference`, `text`, …"""

    item_id: str
    lease_token: str
    lease_until: datetime
    receive_count: int
    role: Role
    areas: tuple[str, ...]
    because: str
    rule: str
    revision: int
    feedback: Mapping[str, Any]
    traceparent: str | None = None

    @property
    def lease(self) -> LeaseRef:
        """The lease by which the item is acknowledged."""
        return LeaseRef(self.item_id, self.lease_token)


@dataclass(frozen=True, slots=True)
class Depth:
    """How full a queue is. `waiting` can be received now or later, `in_flight` is leased, and the
    age in seconds is that of the oldest of both, `None` when there are none.
    """

    waiting: int
    in_flight: int
    dead: int
    oldest_age_seconds: float | None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An acknowledged item whose `feedback.progressed` is not published yet."""

    item_id: str
    feedback_id: str
    department: str
    revision: int
    marking: Marking
    at: datetime
    traceparent: str | None = None


class QueueStore(Protocol):
    """Department queues. Every call is one batch; the store's clock decides leases.

    Every method raises `Unavailable` when the database is away: nothing may have happened, or all
    of it, and calling again is safe. Results stand in the order of the leases given.
    """

    async def enqueue(
        self, feedbacks: Sequence[Feedback], items: Sequence[NewItem]
    ) -> frozenset[str]:
        """Stores each feedback once, then each item once; returns the ids of the new items.

        What is there already stays as it is, whatever its state. `feedbacks` holds the feedback of
        every item, else `KeyError`. When it returns, `receive` sees the items.
        """
        ...

    async def receive(
        self, department: str, max_items: int, visibility_seconds: float
    ) -> list[LeasedItem]:
        """Leases up to `max_items` ready items, roughly the oldest first; does not wait for any.

        Nobody else gets them until the lease expires or is released. An item that was received the
        most times allowed and is ready again dies instead of being leased.
        """
        ...

    async def acknowledge(self, department: str, leases: Sequence[LeaseRef]) -> list[Result]:
        """Settles items; they stay, and become due in the `ProgressOutbox`."""
        ...

    async def extend(
        self, department: str, leases: Sequence[LeaseRef], visibility_seconds: float
    ) -> list[Result]:
        """Makes leases last `visibility_seconds` from now; `lost` when already expired."""
        ...

    async def release(
        self, department: str, leases: Sequence[LeaseRef], delay_seconds: float
    ) -> list[Result]:
        """Puts items back, receivable after `delay_seconds`."""
        ...

    async def give_back(self, department: str, leases: Sequence[LeaseRef]) -> list[Result]:
        """Puts items back that were claimed for nobody: it does not count as a receive.

        Not for clients, who could keep an item that nobody can handle alive with it.
        """
        ...

    async def dead_letter(
        self, department: str, leases: Sequence[LeaseRef], reason: str
    ) -> list[Result]:
        """Takes items that the department cannot handle off its queue, for people to look at."""
        ...

    async def depth(self, department: str) -> Depth:
        """Counts a queue."""
        ...


class ProgressOutbox(Protocol):
    """Acknowledgements are the outbox of `feedback.progressed`: written with the state, in one."""

    async def unpublished(self, limit: int) -> list[Acknowledgement]:
        """The oldest acknowledgements that are not marked published, up to `limit`."""
        ...

    async def mark_published(self, acknowledgements: Sequence[Acknowledgement]) -> None:
        """Marks them, each unless the item has moved on to another revision."""
        ...
