"""Whether everything accepted in a period is accounted for; names whatever is not."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter

from services.console.connections import Connections
from services.console.verification.evidence import Evidence, read_evidence
from services.console.verification.fault import Fault, FaultKind
from services.console.verification.gathering import Gathering
from services.console.verification.judging import Outcome, judge
from services.console.verification.ledger import Group, Ledger
from services.console.verification.open_ends import open_ends
from services.console.verification.period import settled_period
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


@dataclass(slots=True)
class _Sums:
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    letters: Counter[State] = field(default_factory=Counter)
    items: Counter[str] = field(default_factory=Counter)
    faults: Counter[FaultKind] = field(default_factory=Counter)
    republished: int = 0

    def add(self, evidence: Evidence) -> None:
        self.republished += evidence.republished
        if evidence.in_period:
            self.letters.update(each.state for each in evidence.letters)
            self.items.update(each.state for each in evidence.items)


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
    *,
    found: Callable[[Fault], None],
    progress: Progress = _nobody,
) -> Verification:
    """Compares receipts, topics, decisions, queues and dead letters; changes nothing but the index
    of dead letters.

    `found` gets each fault as soon as it is known; memory does not grow with the period. What
    stands open now is looked at whatever its age: the outbox, leases, acknowledgements, redrives,
    the audit. Raises `WrongInput` for a period that is not over or beyond retention, `Unavailable`.
    """
    started = perf_counter()
    period = settled_period(since, until, settle, connections.clock())
    sums, steps = _Sums(), _Steps(progress)

    def tell(fault: Fault) -> None:
        sums.faults[fault.kind] += 1
        found(fault)

    async with Ledger() as ledger:
        gathering = Gathering(connections, period, ledger, steps.advance)
        await gathering.refuse_cut_topics()
        async for fault in open_ends(connections, period):
            tell(fault)
        steps.expected = await gathering.expected()
        horizon = await gathering.gather()
        async for chunk in ledger.groups(_JUDGED_AT_ONCE):
            for evidence in await _complete(connections, chunk):
                sums.add(evidence)
                judgement = judge(evidence, horizon)
                if judgement.outcome is not None:
                    sums.outcomes[judgement.outcome] += 1
                for fault in judgement.faults:
                    tell(fault)
            steps.advance(len(chunk))
    return Verification(
        since=period.start,
        until=period.end,
        settle=settle,
        receipts=gathering.found.receipts,
        outcomes=dict(sums.outcomes),
        dead_letters=dict(sums.letters),
        queue_items=dict(sums.items),
        records=gathering.found.records,
        republished=sums.republished,
        foreign=gathering.found.foreign,
        faults=dict(sums.faults),
        took=timedelta(seconds=round(perf_counter() - started, 3)),
    )


async def _complete(connections: Connections, chunk: Sequence[Group]) -> list[Evidence]:
    """Adds what is looked up: queue items, and receipts that are not from the period."""
    known = [read_evidence(packed, rows) for packed, rows in chunk]
    items = await MongoItemStates(connections.database).of([each.feedback_id for each in known])
    others = [each.feedback_id for each in known if not each.in_period]
    receipts = await MongoReceiptStore(connections.database).find(others) if others else {}
    complete = []
    for each in known:
        receipt = receipts.get(each.feedback_id)
        complete.append(
            replace(
                each,
                items=tuple(items.get(each.feedback_id, ())),
                reference=receipt.reference if receipt else each.reference,
                accepted_at=receipt.accepted_at if receipt else each.accepted_at,
            )
        )
    return complete
