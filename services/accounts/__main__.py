"""The command line of accounts: creates, revokes and lists keys in the database of the settings."""

import argparse
import asyncio
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from schemas.departments import load_departments
from services.accounts.issuing import CannotIssue, issue_key
from services.accounts.key_store import KeyStore, MongoKeyStore, StoredKey
from services.accounts.keys import ROLES
from services.runtime.errors import Unavailable
from services.runtime.mongo import connect
from services.runtime.settings import MongoSettings, read_settings

_EXIT_REFUSED = 1
_EXIT_UNAVAILABLE = 69  # EX_UNAVAILABLE; argparse exits with 2, wrong settings with 78

_DESCRIPTION = """Keys for Frontline's APIs. To replace a key, create a second one for the same
subject, move its holder over, then revoke the first."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.accounts", description=_DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="create a key and show it, once")
    create.add_argument("--role", choices=ROLES, required=True)
    create.add_argument(
        "--subject",
        required=True,
        help="charity: id of the organisation; department: GOV.UK slug or permanent code;"
        " operator: name of the account, never a person's",
    )
    create.add_argument("--name", default="", help="the organisation's name; needed for a charity")
    create.add_argument("--org-id", help="registered number, such as GB-CHC-1234567")
    revoke = commands.add_parser("revoke", help="end a key: it is refused within 5 seconds")
    revoke.add_argument("key_id", metavar="KEY_ID", help="the second part of the key, see list")
    commands.add_parser("list", help="list all keys, without their secrets")
    return parser


async def _create(store: KeyStore, arguments: argparse.Namespace) -> int:
    key = await issue_key(
        store,
        arguments.role,
        arguments.subject,
        arguments.name,
        org_id=arguments.org_id,
        departments=load_departments(),
        random_bytes=secrets.token_bytes,
        now=datetime.now(UTC),
    )
    # the key alone on stdout, so that a script can take it
    print(key.text())
    _say(f"Key {key.key_id} created. It is shown this once: only its digest is stored.")
    return 0


async def _revoke(store: KeyStore, arguments: argparse.Namespace) -> int:
    if await store.revoke(arguments.key_id, datetime.now(UTC)):
        _say(f"Key {arguments.key_id} is revoked.")
        return 0
    _say(f"There is no key {arguments.key_id!r}. `python -m services.accounts list` shows all.")
    return _EXIT_REFUSED


async def _list(store: KeyStore, _arguments: argparse.Namespace) -> int:
    for key in await store.every():
        print(_line(key))
    return 0


def _line(key: StoredKey) -> str:
    state = f"revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "live"
    created = f"{key.created_at:%Y-%m-%d %H:%M}"
    return "\t".join((key.key_id, key.role, key.subject, key.name, created, state))


async def _run(arguments: argparse.Namespace) -> int:
    client, database = connect(read_settings(MongoSettings))
    command = {"create": _create, "revoke": _revoke, "list": _list}[arguments.command]
    try:
        return await command(MongoKeyStore(database), arguments)
    except CannotIssue as error:
        _say(f"No key was created: {error}")
        return _EXIT_REFUSED
    except Unavailable as error:
        _say(f"The database is away ({error}). Start it, or set FRONTLINE_MONGO_URL to where it is")
        return _EXIT_UNAVAILABLE
    finally:
        client.close()


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    return asyncio.run(_run(_parser().parse_args(words)))


if __name__ == "__main__":
    raise SystemExit(main())
