"""Dead items of the departments' queues: listed, shown, put back and discarded.

What a department wrote of an item's death may quote the feedback: it is neither shown nor matched
unless `their_words` of the filter asks for it, for an operator who reads text, with a reason.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from time import monotonic

from services.audit.audit_store import MongoAuditLog
from services.console.connections import Connections, by_server_time
from services.console.errors import NotFound, NothingMatched
from services.console.operations.dead_item_filters import checked_items, described, nothing_like
from services.console.operations.dead_letters import EXAMPLES, shown
from services.console.operations.text_access import audit_dead_text, may_read
from services.console.operator import Operator, stated
from services.queues.dead_item import DeadItem, DeadItemFilter, Discarded
from services.queues.dead_item_store import MongoDeadItems
from services.queues.item import State

_AT_ONCE = 500

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
    connections: Connections,
    only: DeadItemFilter,
    most: int = 50,
    after: str | None = None,
    *,
    operator: Operator,
    reason: str = "",
) -> ItemPage:
    """A page of what matches; `after` is the id of the last item of the page before. `reason` says
    what `their_words` are wanted for. Raises `WrongInput`, `NotAllowed`.
    """
    store, wanted = MongoDeadItems(connections.database), checked_items(only)
    await _note_words(connections, wanted, operator, reason)
    total = await store.count(wanted)
    return ItemPage(total, _seen(wanted, await store.page(wanted, most, after)))


async def show_item(
    connections: Connections,
    item_id: str,
    *,
    operator: Operator,
    text: bool = False,
    reason: str = "",
) -> DeadItem:
    """One dead or discarded item, without what the feedback says, which `trace` shows; with `text`
    what its department wrote, audited. Raises `NotFound`, `NotAllowed`, `WrongInput`.
    """
    why = may_read(operator, reason) if text else None
    item = await MongoDeadItems(connections.database).find(item_id)
    if item is None:
        raise NotFound(
            f"There is no dead item {shown(item_id)}: dead-letters list --department all shows ids"
        )
    if why is None:
        return _without_their_words(item)
    about = {"feedback_id": item.feedback_id}
    await audit_dead_text(connections, operator, why, item.id, about)
    return item


async def preview_items(
    connections: Connections, only: DeadItemFilter, *, operator: Operator, reason: str = ""
) -> ItemPreview:
    """What matches, to look at before it is changed; `reason` is as in `list_items`.

    Raises `NothingMatched`, `WrongInput`, `NotAllowed`.
    """
    store, wanted = MongoDeadItems(connections.database), checked_items(only)
    await _note_words(connections, wanted, operator, reason)
    total = await store.count(wanted)
    if not total:
        raise NothingMatched(nothing_like(wanted))
    examples = _seen(wanted, await store.page(wanted, EXAMPLES))
    return ItemPreview(total, await store.piles(wanted), examples)


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
    `NothingMatched`, `WrongInput`, `NotAllowed`.
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

    Raises `NothingMatched`, `WrongInput`, `NotAllowed`.
    """
    store = MongoDeadItems(connections.database)
    discarded = Discarded(operator.name, connections.clock(), stated(reason))

    async def change(wanted: DeadItemFilter, most: int) -> int:
        return await store.discard(wanted, most, discarded)

    dead, action = replace(only, state=State.DEAD), "dead_letters.discard"
    return await _mend(connections, dead, limits, action, operator, reason, change, progress)


async def _note_words(
    connections: Connections, only: DeadItemFilter, operator: Operator, reason: str
) -> None:
    """Audits that departments' words are asked for, which not everybody may."""
    if only.their_words:
        why = may_read(operator, reason)
        await audit_dead_text(connections, operator, why, "dead items", described(only))


def _seen(only: DeadItemFilter, items: list[DeadItem]) -> list[DeadItem]:
    return items if only.their_words else [_without_their_words(each) for each in items]


def _without_their_words(item: DeadItem) -> DeadItem:
    return replace(item, reason=None) if item.reason_is_theirs else item


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
    kept = may_read(operator, reason) if only.their_words else stated(reason)
    now = (await by_server_time(connections)).clock()
    # what dies again meanwhile is not taken a second time
    wanted = replace(checked_items(only), died_before=min(only.died_before or now, now))
    total = await MongoDeadItems(connections.database).count(wanted)
    if not total:
        raise NothingMatched(nothing_like(only))
    expected = total if limits.most is None else min(total, limits.most)
    await MongoAuditLog(connections.database, connections.clock).append(
        by=operator.name,
        action=action,
        subject="dead items",
        reason=kept,
        details=described(only) | {"expected": expected},
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
