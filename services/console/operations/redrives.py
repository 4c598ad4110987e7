"""Redrives of dead letters: ordered, gone on with, cancelled and listed; each named and audited."""

import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from secrets import token_hex

from schemas.topics import MAX_RECORD_BYTES
from services.audit.audit_store import MongoAuditLog
from services.audit.entry import Details
from services.console.connections import Connections, by_server_time
from services.console.errors import NotFound, NothingMatched, Refusal, WrongInput
from services.console.operations.dead_letters import (
    checked,
    letters_up_to_now,
    narrowed,
    nothing_like,
    shown,
)
from services.console.operator import Operator, stated
from services.deadletters.dead_letter_store import MongoDeadLetterStore
from services.deadletters.filter import Filter, describe, likeness
from services.deadletters.hold import HeldElsewhere
from services.deadletters.letter import CLAIMABLE
from services.deadletters.redrive import JobState, Redrive
from services.deadletters.redrive_store import MongoRedriveStore
from services.deadletters.redriving import Kafka, Redriving

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Progress = Callable[[Redrive], None]


class RunElsewhere(Refusal):
    """Another process runs this redrive."""


@dataclass(frozen=True, slots=True)
class RedriveOrder:
    """What is to be redriven. Without `name` one is made, or an unfinished redrive with a filter
    like this one is gone on with. `rate` is letters a second, `most` the most letters;
    `everything` allows a filter that leaves nothing out.
    """

    only: Filter
    name: str | None = None
    rate: float | None = None
    most: int | None = None
    everything: bool = False


async def redrive_letters(
    connections: Connections,
    order: RedriveOrder,
    *,
    operator: Operator,
    reason: str,
    progress: Progress = lambda _: None,
) -> Redrive:
    """Sends what matches to its origin, each letter exactly once, and returns how it ended.

    Interrupted, by a killed process or by `Unavailable`, the same order or the same name goes on
    with it, at the rate and limit that it was ordered with. Raises `NothingMatched`, `WrongInput`,
    `RunElsewhere`.
    """
    kept = stated(reason)
    order = replace(order, only=sendable(connections, order.only))
    begun = await find_begun(connections, order)
    if begun is None:
        narrowed(order.only, order.everything)
        begun = await _create(connections, order, operator, kept)
    else:
        await _audit(connections, operator, "dead_letters.redrive", begun, kept, {"goes_on": 1})
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


async def find_begun(connections: Connections, order: RedriveOrder) -> Redrive | None:
    """The unfinished redrive that an order would go on with; raises `WrongInput`."""
    only = sendable(connections, order.only)
    redrives = MongoRedriveStore(connections.database)
    if order.name is None:
        return await redrives.unfinished(only)
    if not _NAME.fullmatch(order.name):
        raise WrongInput(
            "A redrive's name has letters, digits, dots, dashes and underscores, 64 at most"
        )
    found = await redrives.find(order.name)
    if found is None:
        return None
    if found.state is not JobState.RUNNING:
        raise WrongInput(f"Redrive {found.name} has ended ({found.state}): give another name")
    if only.narrows() and likeness(only) != likeness(found.only):
        raise WrongInput(
            f"Redrive {found.name} was begun with another filter:"
            " go on with its name alone, or give another name"
        )
    return found


def sendable(connections: Connections, only: Filter) -> Filter:
    """What of a filter can be redriven; raises `WrongInput`."""
    if not set(only.states) <= set(CLAIMABLE):
        words = " or ".join(CLAIMABLE)
        raise WrongInput(f"Only {words} letters can be redriven: leave the others out of --state")
    return replace(checked(connections, only), sendable=True)


async def _create(
    connections: Connections, order: RedriveOrder, operator: Operator, reason: str
) -> Redrive:
    letters = await letters_up_to_now(connections)
    expected = await letters.count(order.only)
    if not expected:
        raise NothingMatched(nothing_like(order.only))
    now = connections.clock()
    redrive = Redrive(
        name=order.name or f"redrive-{now:%Y%m%d-%H%M%S}-{token_hex(2)}",
        by=operator.name,
        reason=reason,
        only=order.only,
        created_at=now,
        rate=order.rate,
        most=order.most,
        expected=expected if order.most is None else min(expected, order.most),
    )
    details: Details = describe(order.only) | {"expected": redrive.expected}
    await _audit(connections, operator, "dead_letters.redrive", redrive, reason, details)
    if not await MongoRedriveStore(connections.database).create(redrive):
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
