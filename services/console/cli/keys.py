"""`keys`, `organisations` and `departments`."""

from typing import Annotated

import typer
from rich.table import Table

from services.accounts.keys import Role
from services.console.cli.options import AsJson
from services.console.cli.session import Session, run
from services.console.cli.tables import table
from services.console.operations import keys
from services.console.operations.keys import KeyRow


def list_keys(
    role: Annotated[Role | None, typer.Option(help="Only keys of this role.")] = None,
    subject: Annotated[
        str | None, typer.Option(help="Only keys of this organisation, department or account.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """All keys, ended ones included, without their secrets.

    Example: `frontline keys list --role department --json`
    """

    async def work(session: Session) -> None:
        session.screen.show(await keys.list_keys(session.connections, role, subject), _keys)

    run(work, as_json=as_json)


def _keys(rows: list[KeyRow]) -> Table:
    return table(
        ("Key", "Role", "Subject", "Name", "Created", "Ends", "Reads text", "State"),
        (
            (
                row.key_id,
                row.role,
                row.subject,
                row.name,
                row.created_at,
                row.expires_at,
                row.reads_text,
                row.state,
            )
            for row in rows
        ),
    )
