"""Whether everything accepted in a period is accounted for; names whatever is not."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter

from services.console.connections import Connections, by_server_time
from services.console.verification.evidence import (
    Evidence,
    Kind,
    Row,
    read_evidence,
    unpack_id,
)
from services.console.verification.fault import Fault, FaultKind
from services.console.verification.gathering import Gathered, Gathering, kept_period
from services.console.verification.judging import Judgement, Outcome, judge
from services.console.verification.ledger import Group, Ledger
from services.console.verification.open_ends import open_ends
from services.console.verification.period import Period, settled_period
from services.deadletters.letter import State
from services.queues.item_state_store import MongoItemStates
from services.receipts.receipt_store import MongoReceiptStore

Progress = Callable[[float, float | None], None]

_JUDGED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at and what it came to; every receipt of the period has one outcome.

    `dead_letters` and `queue_items` are those of the period's feedback, by state. `republished`
    records are repeats with the same id, which is no fault. `foreign` records have a key that is no
    feedback id; what became of them is told by the dead letters alone.
    """

    since: datetime
    until: datetime
    settle: timedelta
    receipts: int
    outcomes: Mapping[Outcome, int]
    dead_letters: Mapping[State, int]
    queue_items: Mapping[str, int]
    records: int
    republished: int
    foreign: int
    faults: Mapping[FaultKind, int]
    took: timedelta

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


class _Tally:
    """Counts what was found, and tells of each fault."""

    def __init__(self, found: Callable[[Fault], None]) -> None:
        self._found = found
        self._outcomes: Counter[Outcome] = Counter()
        self._letters: Counter[State] = Counter()
        self._items: Counter[str] = Counter()
        self._faults: Counter[FaultKind] = Counter()
        self._republished = 0

    def tell(self, fault: Fault) -> None:
        self._faults[fault.kind] += 1
        self._found(fault)

    def add(self, evidence: Evidence, judgement: Judgement) -> None:
        self._republished += evidence.republished
        if judgement.outcome is not None:
            self._outcomes[judgement.outcome] += 1
            self._letters.update(each.state for each in evidence.letters)
            self._items.update(each.state for each in evidence.items)
        for fault in judgement.faults:
            self.tell(fault)

    def result(self, period: Period, gathered: Gathered, took: float) -> Verification:
        return Verification(
            since=period.start,
            until=period.end,
            settle=period.settle,
            receipts=gathered.receipts,
            outcomes=dict(self._outcomes),
            dead_letters=dict(self._letters),
            queue_items=dict(self._items),
            records=gathered.records,
            republished=self._republished,
            foreign=gathered.foreign,
            faults=dict(self._faults),
            took=timedelta(seconds=round(took, 3)),
        )


class _Steps:
    """How far it is: rows read and feedbacks judged, of about as many as are expected."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done = 0
        self.expected: int | None = None

    def advance(self, by: int) -> None:
        """So many more rows were read, or feedbacks judged."""
        self._done += by
        of = None if self.expected is None else max(self.expected, self._done)
        self._progress(self._done, of)


def _nobody(_done: float, _of: float | None) -> None:
    """Nobody wants to know."""


async def verify(
    connections: Connections,
    since: datetime | timedelta = timedelta(hours=24),
    until: datetime | None = None,
    settle: timedelta = timedelta(seconds=60),
    leases: timedelta = timedelta(hours=1),
    *,
    found: Callable[[Fault], None],
    progress: Progress = _nobody,
) -> Verification:
    """Compares receipts, topics, decisions, queues and dead letters; changes nothing but the index
    of dead letters.

    `found` gets each fault as soon as it is known; memory does not grow with the period. What
    stands open now is looked at whatever its age: the outbox, leases, acknowledgements, redrives,
    the audit. A lease that expired is a fault after `leases`: only its department can receive the
    item again, and may rest meanwhile. Goes by MongoDB's clock. Raises `WrongInput` for a period
    that is not over or beyond retention, `NoRoom`, `Unavailable`.
    """
    started = perf_counter()
    connections = await by_server_time(connections)
    kept = await kept_period(connections)
    period = settled_period(since, until, settle, connections.clock(), kept)
    tally, steps = _Tally(found), _Steps(progress)
    async with Ledger() as ledger:
        gathering = Gathering(connections, period, ledger, steps.advance)
        async for fault in open_ends(connections, period, leases):
            tally.tell(fault)
        steps.expected = await gathering.expected()
        horizon = await gathering.gather()
        async for chunk in ledger.groups(_JUDGED_AT_ONCE):
            for evidence in await _complete(connections, chunk):
                tally.add(evidence, judge(evidence, horizon))
            steps.advance(len(chunk))
    return tally.result(period, gathering.found, perf_counter() - started)


async def _complete(connections: Connections, chunk: Sequence[Group]) -> list[Evidence]:
    """Adds what is looked up: queue items, and receipts that are not from the period."""
    ids = [unpack_id(packed) for packed, _ in chunk]
    others = [name for name, (_, rows) in zip(ids, chunk, strict=True) if not _has_receipt(rows)]
    items = await MongoItemStates(connections.database).of(ids)
    receipts = await MongoReceiptStore(connections.database).find(others) if others else {}
    return [
        read_evidence(packed, rows, items.get(name, ()), receipts.get(name))
        for name, (packed, rows) in zip(ids, chunk, strict=True)
    ]


def _has_receipt(rows: Sequence[Row]) -> bool:
    return any(row[1] == Kind.RECEIPT for row in rows)
