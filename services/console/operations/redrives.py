"""Redrives of dead letters: ordered, gone on with, cancelled and listed; each named and audited."""

import os
import socket
from collections.abc import Callable
from secrets import token_hex

from schemas.topics import MAX_RECORD_BYTES
from services.audit.audit_store import MongoAuditLog
from services.audit.entry import Details
from services.console.connections import Connections, by_server_time
from services.console.errors import Busy, NotFound, NothingMatched, WrongInput
from services.console.operations.dead_letters import (
    letters_up_to_now,
    narrowed,
    nothing_like,
    shown,
)
from services.console.operations.redrive_orders import RedriveOrder, find_begun, meant, sendable
from services.console.operator import Operator, stated
from services.deadletters.dead_letter_store import MongoDeadLetterStore
from services.deadletters.filter import describe, likeness
from services.deadletters.hold import HeldElsewhere
from services.deadletters.redrive import JobState, Redrive
from services.deadletters.redrive_store import MongoRedriveStore
from services.deadletters.redriving import Kafka, Redriving

Progress = Callable[[Redrive], None]


class RunElsewhere(Busy):
    """Another process runs this redrive."""


async def redrive_letters(
    connections: Connections,
    order: RedriveOrder,
    *,
    operator: Operator,
    reason: str,
    progress: Progress = lambda _: None,
) -> Redrive:
    """Sends what matches to its origin, each letter exactly once, and returns how it ended.

    Interrupted, by a killed process or by `Unavailable`, its name goes on with it: with the letters
    that it was ordered for, at the rate and limit that it was ordered with. Raises
    `NothingMatched`, `WrongInput`, `RunElsewhere`.
    """
    kept = stated(reason)
    begun = await find_begun(connections, order) if order.name else None
    if begun is None:
        begun = await _create(connections, order, operator, kept)
    else:
        await letters_up_to_now(connections)
        goes_on: Details = {"goes_on": 1, "ordered_by": begun.by}
        await _audit(connections, operator, "dead_letters.redrive", begun, kept, goes_on)
    return await _run(connections, begun, operator, kept, progress)


async def cancel_redrive(
    connections: Connections, name: str, *, operator: Operator, reason: str
) -> Redrive:
    """Stops a redrive after the letters that it has in hand; where nobody runs it, ends it here.

    What it did not redrive waits again. Raises `NotFound`; one that has ended is left as it is.
    """
    kept = stated(reason)
    connections = await by_server_time(connections)  # by which the lease of whoever runs it goes
    redrives = MongoRedriveStore(connections.database)
    found = await redrives.find(name)
    if found is None:
        raise NotFound(f"There is no redrive {shown(name)}: dead-letters redrives lists them")
    if found.state is not JobState.RUNNING:
        return found
    await _audit(connections, operator, "dead_letters.cancel", found, kept, {})
    asked = await redrives.ask_to_cancel(name, operator.name)
    if (
        asked is not None
        and asked.held_until is not None
        and asked.held_until > connections.clock()
    ):
        return asked
    return await _run(connections, found, operator, kept, lambda _: None)


async def list_redrives(connections: Connections, most: int = 20) -> list[Redrive]:
    """The last ones first."""
    return await MongoRedriveStore(connections.database).last(most)


async def _create(
    connections: Connections, order: RedriveOrder, operator: Operator, reason: str
) -> Redrive:
    connections = await by_server_time(connections)
    given = sendable(connections, order.only)
    narrowed(given, order.everything)
    letters = await letters_up_to_now(connections)
    now = connections.clock()
    only = meant(connections, order)
    expected = await letters.count(only)
    if not expected:
        raise NothingMatched(nothing_like(given))
    redrive = Redrive(
        name=order.name or f"redrive-{now:%Y%m%d-%H%M%S}-{token_hex(2)}",
        by=operator.name,
        reason=reason,
        only=only,
        created_at=now,
        rate=order.rate,
        most=order.most,
        expected=expected if order.most is None else min(expected, order.most),
    )
    details: Details = describe(only) | {"expected": redrive.expected}
    await _audit(connections, operator, "dead_letters.redrive", redrive, reason, details)
    key = likeness(given, order.ordered_at)
    if not await MongoRedriveStore(connections.database).create(redrive, key):
        raise WrongInput(f"Somebody just began a redrive {redrive.name}: give another name")
    return redrive


async def _run(
    connections: Connections,
    redrive: Redrive,
    operator: Operator,
    reason: str,
    progress: Progress,
) -> Redrive:
    redriving = Redriving(
        MongoDeadLetterStore(connections.database),
        MongoRedriveStore(connections.database),
        Kafka(connections.browser, connections.producer, MAX_RECORD_BYTES),
        f"{socket.gethostname()}/{os.getpid()}/{token_hex(4)}",
        connections.clock,
    )
    try:
        ended = await redriving.run(redrive.name, progress)
    except HeldElsewhere:
        raise RunElsewhere(
            f"Another process runs redrive {redrive.name}: dead-letters redrives shows how far it"
            f" is, dead-letters cancel {redrive.name} stops it"
        ) from None
    details: Details = {
        "state": str(ended.state),
        "redriven": ended.redriven,
        "failed": ended.failed,
    }
    await _audit(connections, operator, "dead_letters.redrive_ended", ended, reason, details)
    return ended


async def _audit(
    connections: Connections,
    operator: Operator,
    action: str,
    redrive: Redrive,
    reason: str,
    details: Details,
) -> None:
    await MongoAuditLog(connections.database, connections.clock).append(
        by=operator.name, action=action, subject=redrive.name, reason=reason, details=dict(details)
    )
