"""Queues in memory, on the pure lifecycle itself: for tests, as the model of the real store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex

from schemas.feedback import Feedback
from services.queues import item as lifecycle
from services.queues.documents import feedback_document, read_feedback
from services.queues.item import MOST_RECEIVES, Item, Result, State, item_id
from services.queues.store import Acknowledgement, Depth, LeasedItem, LeaseRef, NewItem


@dataclass(slots=True)
class _Entry:
    item: Item
    unpublished: bool = False


class MemoryQueueStore:
    """`QueueStore` and `ProgressOutbox` whose clock is given."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        most_receives: int = MOST_RECEIVES,
        new_token: Callable[[], str] = lambda: token_hex(12),
    ) -> None:
        self._clock = clock
        self._most_receives = most_receives
        self._new_token = new_token
        self._feedback: dict[str, Feedback] = {}
        self._entries: dict[str, _Entry] = {}

    async def enqueue(
        self, feedbacks: Sequence[Feedback], items: Sequence[NewItem]
    ) -> frozenset[str]:
        """What is there already stays."""
        by_id = {each.id: each for each in feedbacks}
        fresh = {
            item_id(new.feedback_id, new.department): _waiting(
                new, by_id[new.feedback_id], self._clock()
            )
            for new in items
        }
        new_ids = fresh.keys() - self._entries.keys()
        self._feedback = by_id | self._feedback
        self._entries |= {name: _Entry(fresh[name]) for name in fresh if name in new_ids}
        return frozenset(new_ids)

    async def receive(
        self, department: str, max_items: int, visibility_seconds: float
    ) -> list[LeasedItem]:
        """The oldest first."""
        now, token = self._clock(), self._new_token()
        ready = [each for each in self._of(department) if each.item.is_ready(now)]
        leased: list[LeasedItem] = []
        for entry in sorted(ready, key=lambda each: each.item.visible_at):
            if len(leased) == max_items:
                break
            visibility = timedelta(seconds=visibility_seconds)
            claimed = lifecycle.claim(entry.item, token, visibility, now, self._most_receives)
            assert claimed is not None
            entry.item = claimed
            if claimed.state is State.WAITING:
                leased.append(self._lease_of(claimed))
        return leased

    async def acknowledge(self, department: str, leases: Sequence[LeaseRef]) -> list[Result]:
        """Makes the items due in the outbox."""
        now = self._clock()
        results = self._apply(
            department, leases, lambda item, token: lifecycle.acknowledge(item, token, now)
        )
        for lease, result in zip(leases, results, strict=True):
            if result is Result.DONE:
                self._entries[lease.item_id].unpublished = True
        return results

    async def extend(
        self, department: str, leases: Sequence[LeaseRef], visibility_seconds: float
    ) -> list[Result]:
        """As the lifecycle has it."""
        now, visibility = self._clock(), timedelta(seconds=visibility_seconds)
        return self._apply(
            department, leases, lambda item, token: lifecycle.extend(item, token, visibility, now)
        )

    async def release(
        self, department: str, leases: Sequence[LeaseRef], delay_seconds: float
    ) -> list[Result]:
        """As the lifecycle has it."""
        now, delay = self._clock(), timedelta(seconds=delay_seconds)
        return self._apply(
            department, leases, lambda item, token: lifecycle.release(item, token, delay, now)
        )

    async def give_back(self, department: str, leases: Sequence[LeaseRef]) -> list[Result]:
        """As the lifecycle has it."""
        now = self._clock()
        return self._apply(
            department, leases, lambda item, token: lifecycle.give_back(item, token, now)
        )

    async def dead_letter(
        self, department: str, leases: Sequence[LeaseRef], reason: str
    ) -> list[Result]:
        """As the lifecycle has it."""
        now = self._clock()
        return self._apply(
            department, leases, lambda item, token: lifecycle.dead_letter(item, token, reason, now)
        )

    def _apply(
        self,
        department: str,
        leases: Sequence[LeaseRef],
        change: Callable[[Item, str], tuple[Item, Result]],
    ) -> list[Result]:
        """Each distinct lease once, as in one statement; a repeated one gets the same result."""
        results: dict[LeaseRef, Result] = {}
        for lease in dict.fromkeys(leases):
            entry = self._entries.get(lease.item_id)
            if entry is None or entry.item.department != department:
                results[lease] = Result.UNKNOWN
            else:
                entry.item, results[lease] = change(entry.item, lease.token)
        return [results[lease] for lease in leases]

    async def depth(self, department: str) -> Depth:
        """Counts every item."""
        now = self._clock()
        items = [entry.item for entry in self._of(department)]
        waiting = [item for item in items if item.state is State.WAITING]
        flying = sum(item.is_leased(now) for item in waiting)
        dead = sum(item.state is State.DEAD for item in items)
        ages = [(now - item.created_at).total_seconds() for item in waiting]
        return Depth(len(waiting) - flying, flying, dead, max(ages, default=None))

    async def unpublished(self, limit: int) -> list[Acknowledgement]:
        """The oldest first."""
        due = [_acknowledgement(each.item) for each in self._entries.values() if each.unpublished]
        return sorted(due, key=lambda each: each.at)[:limit]

    async def mark_published(self, acknowledgements: Sequence[Acknowledgement]) -> None:
        """Unless an item has moved on."""
        for each in acknowledgements:
            entry = self._entries[each.item_id]
            if entry.item.revision == each.revision:
                entry.unpublished = False

    def _of(self, department: str) -> list[_Entry]:
        return [each for each in self._entries.values() if each.item.department == department]

    def _lease_of(self, item: Item) -> LeasedItem:
        assert item.lease is not None
        return LeasedItem(
            item_id=item.id,
            lease_token=item.lease.token,
            lease_until=item.lease.until,
            receive_count=item.receive_count,
            role=item.role,
            areas=item.areas,
            because=item.because,
            rule=item.rule,
            revision=item.revision,
            feedback=read_feedback(feedback_document(self._feedback[item.feedback_id])),
            traceparent=item.traceparent,
        )


def _waiting(new: NewItem, feedback: Feedback, now: datetime) -> Item:
    return Item(
        id=item_id(new.feedback_id, new.department),
        department=new.department,
        role=new.role,
        areas=new.areas,
        because=new.because,
        rule=new.rule,
        revision=new.revision,
        marking=feedback.marking,
        created_at=now,
        visible_at=min(feedback.received_at, now),
        traceparent=new.traceparent,
    )


def _acknowledgement(item: Item) -> Acknowledgement:
    assert item.settlement is not None
    return Acknowledgement(
        item_id=item.id,
        feedback_id=item.feedback_id,
        department=item.department,
        revision=item.revision,
        marking=item.marking,
        at=item.settlement.at,
        traceparent=item.traceparent,
    )
