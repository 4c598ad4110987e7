"""The verbs of `dead-letters` for the items of a department's queue."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.console.cli import exits
from services.console.cli.dead_letter_tables import item_detail, items_page, preview_of_items
from services.console.cli.prompt import agreed
from services.console.cli.session import Session
from services.console.errors import WrongInput
from services.console.operations import dead_items
from services.console.operations.dead_items import Limits, Mended
from services.queues.dead_item import DeadItemFilter

__all__ = ["Asked", "Limits", "discard_items", "list_items", "redrive_items", "show_item"]


@dataclass(frozen=True, slots=True)
class Asked:
    """How a change is wanted, beside what it takes."""

    everything: bool
    limits: Limits
    dry_run: bool
    yes: bool
    reason: str


async def list_items(
    session: Session, only: DeadItemFilter, limit: int, after: str | None, why: str
) -> None:
    """Shows a page."""
    page = await dead_items.list_items(
        session.connections, only, limit, after, operator=session.operator, reason=why
    )
    now = session.connections.clock()
    _say_what_matches(session, only)
    session.screen.show(page, lambda each: items_page(each, now))


async def show_item(session: Session, item_id: str, *, text: bool, why: str) -> None:
    """Shows one item."""
    found = await dead_items.show_item(
        session.connections, item_id, operator=session.operator, text=text, reason=why
    )
    session.screen.show(found, item_detail)


async def redrive_items(session: Session, only: DeadItemFilter, asked: Asked) -> int:
    """Shows, asks, and puts back."""
    return await _mend(session, only, asked, "Put back", dead_items.redrive_items)


async def discard_items(session: Session, only: DeadItemFilter, asked: Asked) -> int:
    """Shows, asks, and discards."""
    return await _mend(session, only, asked, "Discard", dead_items.discard_items)


async def _mend(
    session: Session,
    only: DeadItemFilter,
    asked: Asked,
    verb: str,
    operation: Callable[..., Awaitable[Mended]],
) -> int:
    narrowed = only.ids or only.reason or only.died_before or only.died_since
    if not narrowed and not asked.everything and not asked.dry_run:
        raise WrongInput("This would take every dead item: give ids or a filter, or --all")
    found = await dead_items.preview_items(
        session.connections, only, operator=session.operator, reason=asked.reason
    )
    _say_what_matches(session, only)
    shown = preview_of_items(found, session.connections.clock())
    if asked.dry_run:
        session.screen.show(found, lambda _: shown)
        return exits.GOOD
    session.screen.err.print(shown)
    most = asked.limits.most
    count = found.total if most is None else min(most, found.total)
    if not agreed(session.screen, f"{verb} {count:,} dead items?", asked.yes):
        return exits.GOOD
    with session.screen.progress(verb.lower()) as report:
        done = await operation(
            session.connections,
            only,
            asked.limits,
            operator=session.operator,
            reason=asked.reason,
            progress=report,
        )
    session.screen.show(done, lambda each: f"{each.changed:,} of {each.expected:,}: done.")
    return exits.GOOD


def _say_what_matches(session: Session, only: DeadItemFilter) -> None:
    if only.reason is not None and not only.their_words:
        session.screen.say(
            "--matching goes by what Frontline wrote; with --text, by departments' own words too"
        )
