"""`keys`, `organisations` and `departments`."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from services.accounts.keys import Role
from services.console.cli.options import AsJson, Reason
from services.console.cli.screen import Screen
from services.console.cli.session import KeyCheck, Session, run
from services.console.cli.tables import moment, table
from services.console.operations import holders, keys
from services.console.operations.holders import DepartmentRow, OrganisationRow
from services.console.operations.keys import KeyOrder, KeyRow, NewKey
from services.console.periods import read_duration

KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="The id that keys list shows.")]


def create_key(
    role: Annotated[Role, typer.Option(help="Whose key it is.")],
    subject: Annotated[
        str,
        typer.Option(
            help="A charity's own id, a department's GOV.UK slug or permanent code,"
            " or the name of an operators' account, never a person's."
        ),
    ],
    reason: Reason,
    name: Annotated[str, typer.Option(help="The organisation's name; a charity needs it.")] = "",
    org_id: Annotated[
        str | None, typer.Option(help="Registered number, such as GB-CHC-1234567.")
    ] = None,
    reads_text: Annotated[
        bool, typer.Option("--reads-text", help="An operator's: may show what people wrote.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Makes a key and shows it, once: on stdout alone, so that a script can take it.

    The first operator's key needs none. A department's key, and an operator's that reads text,
    need one that reads text. Where no operator's key is left, FRONTLINE_BREAK_GLASS=true makes one.

    Examples:

    `frontline keys create --role operator --subject on-call --reads-text --reason "first key"`

    `frontline keys create --role charity --subject advice-shed --name "Advice Shed" --reason new`
    """
    order = KeyOrder(role, subject, name, org_id, reads_text)

    async def work(session: Session) -> None:
        made = await keys.create_key(
            session.connections, order, operator=session.operator, reason=reason
        )
        _hand_over(session.screen, made)

    run(work, as_json=as_json, key=KeyCheck.BOOTSTRAP)


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


def rotate_key(
    key_id: KeyId,
    reason: Reason,
    overlap: Annotated[
        timedelta,
        typer.Option(
            parser=read_duration, metavar="DURATION", help="How long the old key still works."
        ),
    ] = "7d",  # type: ignore[assignment]  # Typer reads defaults as if they were typed
    as_json: AsJson = False,
) -> None:
    """Makes a new key for the same holder; the old one ends by itself.

    Example: `frontline keys rotate 4k7w2xq9 --overlap 3d --reason "yearly"`
    """

    async def work(session: Session) -> None:
        made = await keys.rotate_key(
            session.connections, key_id, overlap, operator=session.operator, reason=reason
        )
        _hand_over(session.screen, made)

    run(work, as_json=as_json)


def revoke_key(key_id: KeyId, reason: Reason, as_json: AsJson = False) -> None:
    """Ends a key for good: it is refused within 5 seconds. The last operator's key stays.

    Example: `frontline keys revoke 4k7w2xq9 --reason "left the pilot"`
    """

    async def work(session: Session) -> None:
        row = await keys.revoke_key(
            session.connections, key_id, operator=session.operator, reason=reason
        )
        session.screen.show([row], _keys)

    run(work, as_json=as_json)


def organisations(as_json: AsJson = False) -> None:
    """Charities that have or had keys.

    Example: `frontline organisations`
    """

    async def work(session: Session) -> None:
        found = await holders.organisations(session.connections)
        session.screen.show(found, _organisations)

    run(work, as_json=as_json)


def departments(as_json: AsJson = False) -> None:
    """Departments by permanent code and GOV.UK slug, and how many live keys each has.

    Example: `frontline departments --json`
    """

    async def work(session: Session) -> None:
        found = await holders.departments(session.connections)
        session.screen.show(found, _departments)

    run(work, as_json=as_json)


def _hand_over(screen: Screen, made: NewKey) -> None:
    if screen.as_json:
        screen.show_json(made)
        return
    print(made.key)  # noqa: T201 - the key alone on stdout
    screen.say(f"Key {made.row.key_id} is made. It is shown this once: only its digest is stored.")


def _keys(rows: Iterable[KeyRow]) -> Table:
    return table(
        ("Key", "Role", "Subject", "Name", "Created", "State", "Reads text"),
        (
            (row.key_id, row.role, row.subject, row.name, row.created_at, _state(row), reads(row))
            for row in rows
        ),
    )


def reads(row: KeyRow) -> bool | None:
    """Whether an operator's key reads text; of other roles nothing is said."""
    return row.reads_text if row.role == "operator" else None


def _state(row: KeyRow) -> str:
    if row.revoked_at is not None:
        return f"revoked {moment(row.revoked_at)}"
    if row.expires_at is not None:
        return f"{'ends' if row.state == 'live' else 'ended'} {moment(row.expires_at)}"
    return row.state


def _organisations(rows: Iterable[OrganisationRow]) -> Table:
    return table(
        ("Organisation", "Name", "Registered as", "Live keys", "Newest key"),
        ((row.subject, row.name, row.org_id, row.live_keys, row.newest_key_at) for row in rows),
    )


def _departments(rows: Iterable[DepartmentRow]) -> Table:
    return table(
        ("Code", "Department", "Open", "Live keys"),
        ((row.code, row.slug, row.is_open, row.live_keys) for row in rows),
    )
