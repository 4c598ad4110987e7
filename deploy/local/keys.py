"""The demo's API keys: kept in `demo.json`, made anew where the database does not know them."""

import json
import os
import secrets
import shlex
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from schemas.departments import Departments
from services.accounts.issuing import issue_key
from services.accounts.key_store import KeyStore
from services.accounts.keys import NotAKey, Role, matches, parse_key

CHARITY = "demo-charity"
CHARITY_NAME = "Demo Charity"
OPERATOR = "demo-operator"


def read_demo(file: Path) -> dict[str, Any]:
    """What an earlier start wrote, or nothing."""
    try:
        document = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def write_demo(file: Path, document: dict[str, Any]) -> None:
    """Writes addresses and keys as JSON."""
    _write_private(file, json.dumps(document, indent=2) + "\n")


def write_environment(file: Path, variables: Mapping[str, str]) -> None:
    """Writes what a shell reads with `.` to use the operators' command line on the demo."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    _write_private(file, "".join(lines))


def _write_private(file: Path, content: str) -> None:
    """Writes it whole or not at all, readable by its owner only: it holds keys."""
    partial = file.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(content)
    partial.replace(file)


async def provide_keys(
    store: KeyStore,
    kept: dict[str, Any],
    departments: Departments,
    now: Callable[[], datetime],
) -> dict[str, Any]:
    """The keys of the charity, of each open department by its slug, and of the operator.

    One in `kept` stays when the database has it and it was not revoked.
    """

    async def key(role: Role, subject: str, name: str, earlier: object) -> str:
        if isinstance(earlier, str) and await _still_good(store, earlier, role, subject):
            return earlier
        slug_or_subject = departments.by_code(subject).slug if role == "department" else subject
        made = await issue_key(
            store,
            role,
            slug_or_subject,
            name,
            departments=departments,
            random_bytes=secrets.token_bytes,
            now=now(),
            reads_text=role == "operator",  # samples are nobody's secret
        )
        return made.text()

    kept_departments = kept.get("departments")
    earlier = kept_departments if isinstance(kept_departments, dict) else {}
    today: date = now().date()
    return {
        "charity": await key("charity", CHARITY, CHARITY_NAME, kept.get("charity")),
        "departments": {
            each.slug: await key("department", each.code, "", earlier.get(each.slug))
            for each in departments.open_on(today)
        },
        "operator": await key("operator", OPERATOR, OPERATOR, kept.get("operator")),
    }


async def _still_good(store: KeyStore, text: str, role: Role, subject: str) -> bool:
    try:
        key = parse_key(text)
    except NotAKey:
        return False
    stored = await store.find(key.key_id)
    return (
        stored is not None
        and stored.revoked_at is None
        and (stored.role, stored.subject) == (role, subject)
        and matches(key, stored.secret_digest)
    )
