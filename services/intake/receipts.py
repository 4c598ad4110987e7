"""Records submissions so that none is lost or taken twice; concurrent ones share one write."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from services.intake.grouping import Grouping
from services.intake.submissions import Draft
from services.receipts.receipt import Receipt
from services.receipts.receipt_store import Insertion, ReceiptStore
from services.runtime.errors import Unavailable

_MOST_AT_ONCE = 500
_ROUNDS = 8
_PAUSE_SECONDS = 0.01


class Verdict(Enum):
    """What a submission turned out to be."""

    NEW = "new"
    REPEAT = "repeat"  # the same content under the same key: the first answer stands
    CONFLICT = "conflict"  # other content under the same key


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict, and the receipt that stands: the new one, or the winner's as far as it is read."""

    verdict: Verdict
    receipt: Receipt


class Receipts:
    """Writes receipts; the insert decides who was first, the loser reads the winner's receipt."""

    def __init__(self, store: ReceiptStore, draw_reference: Callable[[], str]) -> None:
        self._store = store
        self._draw_reference = draw_reference
        self._writes = Grouping(self._write, _MOST_AT_ONCE)

    async def record(self, drafts: Sequence[Draft]) -> Sequence[Outcome]:
        """An outcome for each draft, in order; a new one is durable by then.

        Raises `Unavailable` when the database did not confirm in time: the outcome is unknown then.
        """
        return await self._writes.do(drafts)

    async def drain(self) -> None:
        """Returns when no write is under way."""
        await self._writes.drain()

    async def _write(self, drafts: Sequence[Draft]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        left = list(range(len(drafts)))
        for attempt in range(_ROUNDS):
            if attempt > 1:  # a winner that cannot be read yet is about to be confirmed
                await asyncio.sleep(_PAUSE_SECONDS * attempt)
            outcomes |= await self._try(drafts, left)
            left = [position for position in left if position not in outcomes]
            if not left:
                return [outcomes[position] for position in range(len(drafts))]
        raise Unavailable("MongoDB: receipts neither went in nor could be read")

    async def _try(self, drafts: Sequence[Draft], positions: Sequence[int]) -> dict[int, Outcome]:
        """One write, and one read of those who were first; what a taken reference stopped is left
        for another draw.
        """
        receipts = [drafts[position].receipt(self._draw_reference()) for position in positions]
        insertions = await self._store.insert(receipts)
        outcomes: dict[int, Outcome] = {}
        repeated: list[int] = []
        for position, receipt, insertion in zip(positions, receipts, insertions, strict=True):
            if insertion is Insertion.DONE:
                outcomes[position] = Outcome(Verdict.NEW, receipt)
            elif insertion is Insertion.ID_TAKEN:
                repeated.append(position)
        if repeated:
            first = await self._store.find({drafts[position].id for position in repeated})
            for position in repeated:
                if winner := first.get(drafts[position].id):
                    outcomes[position] = _judge(drafts[position], winner)
        return outcomes


def _judge(draft: Draft, winner: Receipt) -> Outcome:
    same = draft.fingerprint == winner.fingerprint
    return Outcome(Verdict.REPEAT if same else Verdict.CONFLICT, winner)
