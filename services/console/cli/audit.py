"""`audit list` and `audit check`."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from services.audit.entry import MOST_ENTRIES, AuditCheck, Entry, Head, read_head
from services.console.cli import exits
from services.console.cli.options import AsJson
from services.console.cli.session import Session, run
from services.console.cli.tables import table
from services.console.operations import audit


def list_entries(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many entries.")] = 50,
    before: Annotated[
        int | None, typer.Option(min=1, max=MOST_ENTRIES, help="Only entries before this number.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Only what this operator did.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action, as keys.create.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only what was done to this.")] = None,
    as_json: AsJson = False,
) -> None:
    """What operators changed, when and why, the newest first.

    Example: `frontline audit list --action stage.pause`
    """

    async def work(session: Session) -> None:
        entries = await audit.list_entries(
            session.connections, limit=limit, before=before, by=by, action=action, subject=subject
        )
        session.screen.show(entries, _entries)

    run(work, as_json=as_json)


def check_entries(
    head: Annotated[
        Head | None,
        typer.Option(
            parser=read_head,
            metavar="SEQ:DIGEST",
            help="The head that an earlier check printed: shows a cut end and a rewritten chain.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Follows the whole chain; ends with 1 where it does not hold.

    Note the head that it prints somewhere else, and give it to the next check.

    Example: `frontline audit check --json`
    """

    async def work(session: Session) -> int:
        found = await audit.check_entries(session.connections, head)
        session.screen.show(found, _check)
        return exits.FAULTS if found.broken else exits.GOOD

    run(work, as_json=as_json)


def _entries(entries: Iterable[Entry]) -> Table:
    return table(
        ("No.", "When", "By", "Action", "Subject", "Reason", "Details"),
        (
            (each.seq, each.at, each.by, each.action, each.subject, each.reason, _details(each))
            for each in entries
        ),
    )


def _details(entry: Entry) -> str:
    return ", ".join(f"{name} {value}" for name, value in entry.details.items())


def _check(found: AuditCheck) -> Text:
    lines = [f"{each.seq}: {each.what}" for each in found.broken]
    verdict = "the chain holds" if not found.broken else f"{len(lines)} breaks"
    return Text("\n".join([*lines, f"{found.entries} entries, {verdict}; head {found.head}"]))
