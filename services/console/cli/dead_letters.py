"""`dead-letters list|show|redrive|discard|redrives|cancel`."""

from typing import Annotated

import typer

from services.console.cli import dead_items, letter_changes
from services.console.cli.dead_letter_options import (
    Department,
    DryRun,
    Error,
    Everything,
    Group,
    Ids,
    Matching,
    Meant,
    Most,
    NewerThan,
    OlderThan,
    Rate,
    States,
    TheirWords,
    Topic,
    Version,
    WhyText,
    WithText,
    checked_why,
)
from services.console.cli.dead_letter_tables import (
    detail,
    letters_page,
    redrives_table,
)
from services.console.cli.letter_changes import Discard
from services.console.cli.options import AsJson, Reason, Yes
from services.console.cli.session import Session, run
from services.console.connections import by_server_time
from services.console.operations import dead_letters, redrives
from services.console.operations.redrive_orders import RedriveOrder
from services.deadletters.letter import State

_LISTED = (State.WAITING, State.REDRIVING)

Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many lines.")]
After = Annotated[str | None, typer.Option(help="Go on after this id, the last of a page.")]
RedriveName = Annotated[
    str | None, typer.Option("--name", help="Names the redrive, or goes on with the one so named.")
]


def list_letters(
    ids: Ids = None,
    topic: Topic = None,
    group: Group = None,
    matching: Matching = None,
    error: Error = None,
    version: Version = None,
    older_than: OlderThan = None,
    newer_than: NewerThan = None,
    state: States = None,
    department: Department = None,
    text: TheirWords = False,
    reason: WhyText = "",
    limit: Limit = 50,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """What was given up and waits for a decision, the last death first.

    Examples:

    `frontline dead-letters list --topic feedback.received --error Malformed`

    `frontline dead-letters list --department all --json`
    """
    meant = Meant(
        ids, topic, group, matching, error, version, older_than, newer_than, state, department, text
    )

    async def work(session: Session) -> None:
        now, why = session.connections.clock(), checked_why(text, reason)
        if department is not None:
            await dead_items.list_items(session, meant.items(now), limit, after, why)
            return
        only = meant.letters(now, _LISTED)
        page = await dead_letters.list_letters(session.connections, only, limit, after)
        session.screen.show(page, lambda each: letters_page(each, now))

    run(work, as_json=as_json)


def show_letter(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="As lists show it.")],
    text: WithText = False,
    reason: WhyText = "",
    as_json: AsJson = False,
) -> None:
    """A record with its story, or a dead item of a queue; with --text the whole, shown safely.

    Examples:

    `frontline dead-letters show 0d8f5c3e-7a51-5a86-9f3b-2f6d1c0e9a77 --text --reason "odd bytes"`

    `frontline dead-letters show 2f1c9a40-5b7e-4f0d-8c3b-6d1e0a7f5b92:DHSC`
    """

    async def work(session: Session) -> None:
        why = checked_why(text, reason)
        if ":" in letter_id:
            await dead_items.show_item(session, letter_id, text=text, why=why)
            return
        found = await dead_letters.show_letter(
            session.connections, letter_id, operator=session.operator, text=text, reason=why
        )
        session.screen.show(found, detail)

    run(work, as_json=as_json)


def redrive_letters(
    reason: Reason,
    ids: Ids = None,
    topic: Topic = None,
    group: Group = None,
    matching: Matching = None,
    error: Error = None,
    version: Version = None,
    older_than: OlderThan = None,
    newer_than: NewerThan = None,
    state: States = None,
    department: Department = None,
    text: TheirWords = False,
    everything: Everything = False,
    name: RedriveName = None,
    rate: Rate = 200.0,
    most: Most = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Sends letters back to where they came from, each exactly once, or items to their queue.

    Shows how many and which first, and asks. Interrupted, even killed, the same command goes on
    with the letters of the first time; Ctrl-C is safe. Exits 1 when some letters could not be
    sent, or somebody cancelled it.

    Examples:

    `frontline dead-letters redrive --matching "no rule" --reason "rules mended" --dry-run`

    `frontline dead-letters redrive --all --name outage-3 --rate 50 --reason "restored" --yes`

    `frontline dead-letters redrive --department DHSC --all --reason "their client is mended"`
    """
    meant = Meant(
        ids, topic, group, matching, error, version, older_than, newer_than, state, department, text
    )

    async def work(session: Session) -> int:
        now = (await by_server_time(session.connections)).clock()
        if department is not None:
            only = meant.items(now)
            limits = dead_items.Limits(most, rate)
            asked = dead_items.Asked(everything, limits, dry_run, yes, reason)
            return await dead_items.redrive_items(session, only, asked)
        wanted = meant.letters(now, (State.WAITING,))
        order = RedriveOrder(wanted, name, rate, most, everything, now)
        return await letter_changes.redrive(session, order, reason, dry_run=dry_run, yes=yes)

    run(work, as_json=as_json)


def discard_letters(
    reason: Reason,
    ids: Ids = None,
    topic: Topic = None,
    group: Group = None,
    matching: Matching = None,
    error: Error = None,
    version: Version = None,
    older_than: OlderThan = None,
    newer_than: NewerThan = None,
    department: Department = None,
    text: TheirWords = False,
    everything: Everything = False,
    most: Most = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Ends letters, or dead items of a queue, without redriving them; they stay to be looked at.

    Example: `frontline dead-letters discard --error Malformed --older-than 7d --reason "load test"`
    """
    meant = Meant(
        ids, topic, group, matching, error, version, older_than, newer_than, None, department, text
    )

    async def work(session: Session) -> int:
        now = (await by_server_time(session.connections)).clock()
        if department is not None:
            asked = dead_items.Asked(everything, dead_items.Limits(most), dry_run, yes, reason)
            return await dead_items.discard_items(session, meant.items(now), asked)
        only = meant.letters(now, (State.WAITING,))
        change = Discard(only, most, everything)
        return await letter_changes.discard(session, change, reason, dry_run=dry_run, yes=yes)

    run(work, as_json=as_json)


def list_redrives(limit: Limit = 20, as_json: AsJson = False) -> None:
    """Redrives and how far they are, the last ordered first.

    Example: `frontline dead-letters redrives`
    """

    async def work(session: Session) -> None:
        found = await redrives.list_redrives(session.connections, limit)
        now = session.connections.clock()
        session.screen.show(found, lambda rows: redrives_table(rows, now))

    run(work, as_json=as_json)


def cancel_redrive(
    name: Annotated[str, typer.Argument(help="As dead-letters redrives shows it.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Stops a redrive after what it has in hand; the letters that are left wait again.

    Example: `frontline dead-letters cancel after-the-outage --reason "they die again"`
    """

    async def work(session: Session) -> None:
        found = await redrives.cancel_redrive(
            session.connections, name, operator=session.operator, reason=reason
        )
        now = session.connections.clock()
        session.screen.show(found, lambda row: redrives_table([row], now))

    run(work, as_json=as_json)
