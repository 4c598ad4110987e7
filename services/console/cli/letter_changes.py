"""Redrives and discards dead letters at a terminal: shows what it would take, asks, does it."""

import asyncio
from dataclasses import dataclass

from services.console.cli import exits
from services.console.cli.dead_letter_tables import preview_of_letters
from services.console.cli.prompt import agreed
from services.console.cli.session import Session
from services.console.operations import dead_letters, redrives
from services.console.operations.redrives import RedriveOrder
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
    """Goes on with what was begun, or shows, asks, and redrives with a bar."""
    begun = await redrives.find_begun(session.connections, order)
    if begun is not None and not dry_run:
        session.screen.say(
            f"Going on with redrive {begun.name}, ordered by {begun.by}:"
            f" {begun.redriven:,} of {begun.expected:,} are redriven"
        )
    else:
        only = redrives.sendable(session.connections, order.only)
        if not dry_run and begun is None:
            dead_letters.narrowed(only, order.everything)
        if not await _agreed(session, only, "Redrive", order.most, dry_run=dry_run, yes=yes):
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


def _outcome(redrive: Redrive) -> str:
    words = f"Redrive {redrive.name} is {redrive.state}: {redrive.redriven:,} redriven"
    if redrive.failed:
        words += f", {redrive.failed:,} could not be sent (dead-letters list shows why)"
    return words + "."
