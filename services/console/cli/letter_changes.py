"""Redrives and discards dead letters at a terminal: shows what it would take, asks, does it."""

import asyncio
from dataclasses import dataclass, replace

from services.console.cli import exits
from services.console.cli.dead_letter_tables import preview_of_letters
from services.console.cli.prompt import agreed
from services.console.cli.session import Session
from services.console.cli.tables import moment
from services.console.operations import dead_letters, redrive_orders, redrives
from services.console.operations.redrive_orders import Left, RedriveOrder
from services.deadletters.filter import Filter
from services.deadletters.redrive import JobState, Redrive
from services.runtime.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Discard:
    """What is to be discarded."""

    only: Filter
    most: int | None
    everything: bool


async def discard(
    session: Session, change: Discard, reason: str, *, dry_run: bool, yes: bool
) -> int:
    """Shows, asks, and discards."""
    only, most = change.only, change.most
    if not dry_run:
        dead_letters.narrowed(only, change.everything)
    if not await _agreed(session, only, "Discard", most, dry_run=dry_run, yes=yes):
        return exits.GOOD
    count = await dead_letters.discard_letters(
        session.connections,
        only,
        most,
        everything=change.everything,
        operator=session.operator,
        reason=reason,
    )
    session.screen.show({"discarded": count}, lambda _: f"{count:,} letters are discarded.")
    return exits.GOOD


async def redrive(
    session: Session, order: RedriveOrder, reason: str, *, dry_run: bool, yes: bool
) -> int:
    """Shows, asks, and redrives with a bar; or goes on with what was begun."""
    begun = await redrive_orders.find_begun(session.connections, order)
    if not dry_run and (begun is None or order.name is None):
        given = redrive_orders.sendable(session.connections, order.only)
        dead_letters.narrowed(given, order.everything)
    if begun is None:
        only = redrive_orders.meant(session.connections, order)
        agreed_to = await _agreed(session, only, "Redrive", order.most, dry_run=dry_run, yes=yes)
    else:
        agreed_to = await _goes_on(session, order, begun, dry_run=dry_run, yes=yes)
        order = replace(order, name=begun.name)
    if not agreed_to:
        return exits.GOOD
    ended = await _run(session, order, reason)
    session.screen.show(ended, _outcome)
    whole = ended.state is JobState.DONE and not ended.failed
    return exits.GOOD if whole else exits.FAULTS


async def _run(session: Session, order: RedriveOrder, reason: str) -> Redrive:
    name = order.name
    with session.screen.progress("redriving") as report:

        def progress(redrive: Redrive) -> None:
            nonlocal name
            name = redrive.name
            report(redrive.redriven + redrive.failed, redrive.expected)

        try:
            return await redrives.redrive_letters(
                session.connections,
                order,
                operator=session.operator,
                reason=reason,
                progress=progress,
            )
        except (asyncio.CancelledError, Unavailable):
            if name:
                session.screen.say(
                    "Interrupted; nothing is lost and nothing will be sent twice. It goes on with:"
                    f' dead-letters redrive --name {name} --reason "..."'
                )
            raise


async def _agreed(
    session: Session, only: Filter, verb: str, most: int | None, *, dry_run: bool, yes: bool
) -> bool:
    """Shows what would be taken, and whether to go on: the answer of a dry run is what it shows."""
    found = await dead_letters.preview(session.connections, only)
    shown = preview_of_letters(found, session.connections.clock())
    if dry_run:
        session.screen.show(found, lambda _: shown)
        return False
    session.screen.err.print(shown)
    count = found.total if most is None else min(most, found.total)
    return agreed(session.screen, f"{verb} {count:,} dead letters?", yes)


async def _goes_on(
    session: Session, order: RedriveOrder, begun: Redrive, *, dry_run: bool, yes: bool
) -> bool:
    """Says which redrive it would go on with. Who ordered it themselves and names it is not asked;
    others see what is left of it first.
    """
    left = await redrive_orders.what_is_left(session.connections, begun)
    shown = preview_of_letters(left.preview, session.connections.clock())
    session.screen.say(_unfinished(begun, left))
    if order.name is None:
        session.screen.say(
            "This is the same order: it goes on. What died since then needs the command once more."
        )
    if dry_run:
        session.screen.show(left.preview, lambda _: shown)
        return False
    if order.name is not None and begun.by == session.operator.name:
        return True
    session.screen.err.print(shown)
    question = f"Go on with redrive {begun.name}, {left.letters:,} letters left?"
    return agreed(session.screen, question, yes)


def _unfinished(redrive: Redrive, left: Left) -> str:
    rate = "" if redrive.rate is None else f", at {redrive.rate:g} a second"
    return (
        f"Redrive {redrive.name}, ordered {moment(redrive.created_at)} by {redrive.by}, has"
        f" {left.letters:,} letters left; {left.redriven:,} of {redrive.expected:,} are redriven"
        + rate
    )


def _outcome(redrive: Redrive) -> str:
    words = f"Redrive {redrive.name} is {redrive.state}: {redrive.redriven:,} redriven"
    if redrive.failed:
        words += f", {redrive.failed:,} could not be sent (dead-letters list shows why)"
    return words + "."
