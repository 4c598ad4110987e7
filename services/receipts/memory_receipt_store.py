"""Receipts in memory, for tests without a database."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from services.receipts.receipt import Accepted, Receipt
from services.receipts.receipt_store import Backlog, Insertion


@dataclass(slots=True)
class _Kept:
    receipt: Receipt
    published_at: datetime | None = None
    claimed_until: datetime | None = None


class MemoryReceiptStore:
    """`ReceiptStore` for tests; `error` is raised by every call while it is set."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self.error: Exception | None = None
        self.refusals = 0
        self.writes: list[int] = []

    async def insert(self, receipts: Sequence[Receipt]) -> Sequence[Insertion]:
        """Keeps each receipt whose id and reference are free."""
        self._answer()
        self.writes.append(len(receipts))
        return [self._insert(each) for each in receipts]

    def _insert(self, receipt: Receipt) -> Insertion:
        if receipt.id in self._kept:
            return Insertion.ID_TAKEN
        if any(kept.receipt.reference == receipt.reference for kept in self._kept.values()):
            return Insertion.REFERENCE_TAKEN
        self._kept[receipt.id] = _Kept(receipt)
        return Insertion.DONE

    async def find(self, ids: Collection[str]) -> dict[str, Receipt]:
        """The receipts under these ids, without their events."""
        self._answer()
        return {
            each: replace(self._kept[each].receipt, event=b"") for each in ids if each in self._kept
        }

    async def by_reference(self, reference: str) -> Receipt | None:
        """The receipt of this reference, without its event."""
        self._answer()
        for kept in self._kept.values():
            if kept.receipt.reference == reference:
                return replace(kept.receipt, event=b"")
        return None

    async def accepted_between(
        self, start: datetime, end: datetime
    ) -> AsyncIterator[list[Accepted]]:
        """All in one chunk."""
        self._answer()
        accepted = [
            Accepted(each.id, each.reference, each.accepted_at, kept.published_at)
            for kept in self._kept.values()
            if start <= (each := kept.receipt).accepted_at < end
        ]
        if accepted:
            yield sorted(accepted, key=lambda each: each.accepted_at)

    async def unpublished_between(
        self, start: datetime, end: datetime
    ) -> AsyncIterator[list[Accepted]]:
        """All in one chunk."""
        async for chunk in self.accepted_between(start, end):
            if waiting := [each for each in chunk if each.published_at is None]:
                yield waiting

    async def mark_published(self, ids: Sequence[str]) -> None:
        """Takes receipts out of the outbox."""
        self._answer()
        for each in ids:
            kept = self._kept[each]
            kept.published_at = kept.published_at or self._clock()

    async def claim(self, most: int, older_than: timedelta, lease: timedelta) -> list[Receipt]:
        """Takes unpublished receipts that nobody has claimed."""
        self._answer()
        now = self._clock()
        free = [
            kept
            for kept in self._kept.values()
            if kept.published_at is None
            and kept.receipt.accepted_at <= now - older_than
            and (kept.claimed_until is None or kept.claimed_until <= now)
        ][:most]
        for kept in free:
            kept.claimed_until = now + lease
        return [kept.receipt for kept in free]

    async def release(self, ids: Sequence[str]) -> None:
        """Gives claimed receipts back."""
        self._answer()
        for each in ids:
            self._kept[each].claimed_until = None

    async def backlog(self) -> Backlog:
        """How much waits."""
        self._answer()
        waiting = [k.receipt.accepted_at for k in self._kept.values() if not k.published_at]
        return Backlog(len(waiting), min(waiting, default=None))

    def _answer(self) -> None:
        if self.error is not None:
            self.refusals += 1
            raise self.error
