"""Finds what stands open and should not, whatever its age: outboxes, leases, redrives, audit."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from services.audit.audit_store import MongoAuditLog
from services.console.connections import Connections
from services.console.verification.fault import Fault, FaultKind
from services.console.verification.period import Period
from services.deadletters.dead_letter_store import MongoDeadLetterStore
from services.deadletters.filter import Filter
from services.deadletters.letter import State
from services.deadletters.redrive_store import MongoRedriveStore
from services.queues.item_state import ItemState
from services.queues.item_state_store import MongoItemStates
from services.receipts.receipt_store import MongoReceiptStore

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def open_ends(
    connections: Connections, period: Period, leases: timedelta
) -> AsyncIterator[Fault]:
    """Every fault of this kind, as it is found; the period's own receipts are judged elsewhere.
    A lease has stood open for too long when it expired `leases` ago.
    """
    for finding in (_outbox, partial(_leases, grace=leases), _progress, _redrives, _audit):
        async for fault in finding(connections, period):
            yield fault


async def _outbox(connections: Connections, period: Period) -> AsyncIterator[Fault]:
    """What intake accepted outside the period and never published."""
    store = MongoReceiptStore(connections.database)
    settled = connections.clock() - period.settle
    for start, end in ((_LONG_AGO, period.start), (period.end, settled)):
        async for chunk in store.unpublished_between(start, end):
            for each in chunk:
                yield Fault(
                    FaultKind.NEVER_PUBLISHED,
                    "is only in the outbox: see whether intake runs and Kafka takes records",
                    each.id,
                    each.reference,
                    stage="intake",
                    since=each.accepted_at,
                )


async def _leases(
    connections: Connections, _period: Period, grace: timedelta
) -> AsyncIterator[Fault]:
    def fault(item: ItemState, reference: str | None) -> Fault:
        return Fault(
            FaultKind.EXPIRED_LEASE,
            f"was received {item.receive_count} times by {item.department}, whose last lease"
            " expired, and nobody receives it again: ask the department to let its workers receive,"
            " see the runbook queue-stands-still",
            item.feedback_id,
            reference,
            subject=item.id,
            since=item.lease_until,
        )

    chunks = MongoItemStates(connections.database).expired_leases(grace)
    async for each in _with_references(connections, chunks, fault):
        yield each


async def _progress(connections: Connections, period: Period) -> AsyncIterator[Fault]:
    def fault(item: ItemState, reference: str | None) -> Fault:
        return Fault(
            FaultKind.PROGRESS_UNPUBLISHED,
            f"was acknowledged by {item.department}, and the charity is not told: see whether the"
            " departments service runs and Kafka takes records",
            item.feedback_id,
            reference,
            stage="departments",
            subject=item.id,
            since=item.settled_at,
        )

    chunks = MongoItemStates(connections.database).unpublished(period.settle)
    async for each in _with_references(connections, chunks, fault):
        yield each


async def _with_references(
    connections: Connections,
    chunks: AsyncIterator[Sequence[ItemState]],
    fault: Callable[[ItemState, str | None], Fault],
) -> AsyncIterator[Fault]:
    receipts = MongoReceiptStore(connections.database)
    async for chunk in chunks:
        known = await receipts.find({each.feedback_id for each in chunk})
        for item in chunk:
            receipt = known.get(item.feedback_id)
            yield fault(item, receipt.reference if receipt else None)


async def _redrives(connections: Connections, period: Period) -> AsyncIterator[Fault]:
    """Letters that a redrive took and that nobody goes on with: one fault for each redrive."""
    letters: Counter[str] = Counter()
    settled = connections.clock() - period.settle
    store = MongoDeadLetterStore(connections.database)
    async for letter in store.every(Filter(states=(State.REDRIVING,))):
        if letter.claims and letter.claims[-1].at < settled:
            letters[letter.claims[-1].redrive] += 1
    for name, number in letters.items():
        redrive = await MongoRedriveStore(connections.database).find(name)
        held = redrive.held_until if redrive else None
        if held is None or held < connections.clock():
            yield Fault(
                FaultKind.REDRIVE_LEFT_OPEN,
                f"took {number} dead letters and was interrupted: run it again by its name",
                subject=name,
                since=redrive.created_at if redrive else None,
            )


async def _audit(connections: Connections, _period: Period) -> AsyncIterator[Fault]:
    check = await MongoAuditLog(connections.database).check()
    for each in check.broken:
        yield Fault(
            FaultKind.AUDIT_BROKEN,
            f"entry {each.seq} {each.what}: see audit check, and who can write to the database",
            subject=str(each.seq),
        )
