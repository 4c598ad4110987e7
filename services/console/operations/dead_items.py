"""Dead items of the departments' queues: listed, shown, put back and discarded."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from time import monotonic

from schemas.departments import load_departments
from services.audit.audit_store import MongoAuditLog
from services.console.connections import Connections, by_server_time
from services.console.errors import NotFound, NothingMatched, WrongInput
from services.console.operations.dead_letters import EXAMPLES, shown
from services.console.operator import Operator, stated
from services.queues.dead_item import DEAD_STATES, DeadItem, DeadItemFilter, Discarded
from services.queues.dead_item_store import MongoDeadItems
from services.queues.item import State

EVERY_DEPARTMENT = "all"
_AT_ONCE = 500
_LONGEST_TEXT = 500

Progress = Callable[[int, int], None]
Change = Callable[[DeadItemFilter, int], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Items that match, the last death first: `total` of them, `items` on this page."""

    total: int
    items: list[DeadItem]


@dataclass(frozen=True, slots=True)
class ItemPreview:
    """What putting back or discarding would take: how many, by department, and some of them."""

    total: int
    departments: dict[str, int]
    examples: list[DeadItem]


@dataclass(frozen=True, slots=True)
class Limits:
    """At most so many items, and so many a second; `None` is without limit."""

    most: int | None = None
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Mended:
    """How many of the `expected` items were put back or discarded."""

    expected: int
    changed: int


async def list_items(
    connections: Connections, only: DeadItemFilter, most: int = 50, after: str | None = None
) -> ItemPage:
    """A page of what matches; `after` is the id of the last item of the page before."""
    store = MongoDeadItems(connections.database)
    wanted = checked_items(only)
    return ItemPage(await store.count(wanted), await store.page(wanted, most, after))


async def show_item(connections: Connections, item_id: str) -> DeadItem:
    """One dead or discarded item, without its text; raises `NotFound`."""
    item = await MongoDeadItems(connections.database).find(item_id)
    if item is None:
        raise NotFound(
            f"There is no dead item {shown(item_id)}: dead-letters list --department all shows ids"
        )
    return item


async def preview_items(connections: Connections, only: DeadItemFilter) -> ItemPreview:
    """What matches, to look at before it is changed; raises `NothingMatched`."""
    store = MongoDeadItems(connections.database)
    wanted = checked_items(only)
    total = await store.count(wanted)
    if not total:
        raise NothingMatched(_nothing_like(wanted))
    return ItemPreview(total, await store.piles(wanted), await store.page(wanted, EXAMPLES))


async def redrive_items(
    connections: Connections,
    only: DeadItemFilter,
    limits: Limits = Limits(),
    *,
    operator: Operator,
    reason: str,
    progress: Progress = lambda _, __: None,
) -> Mended:
    """Puts dead items back on their queues, as if they had never been received.

    Interrupted, the same call goes on: what was put back is not dead any more. Raises
    `NothingMatched`, `WrongInput`.
    """
    change = MongoDeadItems(connections.database).redrive
    action = "dead_letters.redrive"
    return await _mend(connections, only, limits, action, operator, reason, change, progress)


async def discard_items(
    connections: Connections,
    only: DeadItemFilter,
    limits: Limits = Limits(),
    *,
    operator: Operator,
    reason: str,
    progress: Progress = lambda _, __: None,
) -> Mended:
    """Takes dead items off their queues for good; they stay to be looked at.

    Raises `NothingMatched`, `WrongInput`.
    """
    store = MongoDeadItems(connections.database)
    discarded = Discarded(operator.name, connections.clock(), stated(reason))

    async def change(wanted: DeadItemFilter, most: int) -> int:
        return await store.discard(wanted, most, discarded)

    dead, action = replace(only, state=State.DEAD), "dead_letters.discard"
    return await _mend(connections, dead, limits, action, operator, reason, change, progress)


def departments_named(name: str) -> tuple[str, ...]:
    """The permanent codes of a department by code or slug, or of all; raises `WrongInput`."""
    directory = load_departments()
    if name == EVERY_DEPARTMENT:
        return tuple(each.code for each in directory.departments)
    if name in directory:
        return (name,)
    if directory.has_slug(name):
        return (directory.by_slug(name).code,)
    raise WrongInput(f"There is no department {shown(name)}: departments lists codes and slugs")


def checked_items(only: DeadItemFilter) -> DeadItemFilter:
    """The filter, if it makes sense; raises `WrongInput`."""
    if only.state not in DEAD_STATES:
        raise WrongInput(f"A dead item is {' or '.join(DEAD_STATES)}")
    text = only.reason
    if text is not None and (not text.isprintable() or not 0 < len(text) <= _LONGEST_TEXT):
        raise WrongInput(f"A filter's text has from 1 to {_LONGEST_TEXT} printable characters")
    return only


async def _mend(
    connections: Connections,
    only: DeadItemFilter,
    limits: Limits,
    action: str,
    operator: Operator,
    reason: str,
    change: Change,
    progress: Progress,
) -> Mended:
    """Audits, and changes what matched when it was ordered, some at a time."""
    kept, now = stated(reason), (await by_server_time(connections)).clock()
    # what dies again meanwhile is not taken a second time
    wanted = replace(checked_items(only), died_before=min(only.died_before or now, now))
    total = await MongoDeadItems(connections.database).count(wanted)
    if not total:
        raise NothingMatched(_nothing_like(only))
    expected = total if limits.most is None else min(total, limits.most)
    await MongoAuditLog(connections.database, connections.clock).append(
        by=operator.name,
        action=action,
        subject="dead items",
        reason=kept,
        details=_describe(only) | {"expected": expected},
    )
    return await _change_all(wanted, expected, limits.rate, change, progress)


async def _change_all(
    wanted: DeadItemFilter, expected: int, rate: float | None, change: Change, progress: Progress
) -> Mended:
    started, changed = monotonic(), 0
    at_once = _AT_ONCE if rate is None else min(_AT_ONCE, max(1, int(rate)))
    progress(0, expected)
    while changed < expected:
        done = await change(wanted, min(at_once, expected - changed))
        if not done:
            break
        changed += done
        progress(changed, expected)
        if rate is not None and changed < expected:
            await asyncio.sleep(max(0.0, started + changed / rate - monotonic()))
    return Mended(expected, changed)


def _describe(only: DeadItemFilter) -> dict[str, str | int | None]:
    departments = ",".join(only.departments[:3]) + (",…" if only.departments[3:] else "")
    return {
        "departments": departments,
        "state": str(only.state),
        "ids": len(only.ids) or None,
        "matching": only.reason,
        "died_before": only.died_before.isoformat() if only.died_before else None,
        "died_since": only.died_since.isoformat() if only.died_since else None,
    }


def _nothing_like(only: DeadItemFilter) -> str:
    pairs = [(name, value) for name, value in _describe(only).items() if value is not None]
    words = ", ".join(f"{name} {value}" for name, value in pairs)
    return f"No dead item matches {words}: dead-letters list --department all shows every one"
