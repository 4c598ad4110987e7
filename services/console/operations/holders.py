"""Organisations and departments, as far as keys need them."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from schemas.departments import load_departments
from services.accounts.key_store import MongoKeyStore
from services.console.connections import Connections


@dataclass(frozen=True, slots=True)
class OrganisationRow:
    """A charity that has or had a key, under the name of its newest one."""

    subject: str
    name: str
    org_id: str | None
    live_keys: int
    newest_key_at: datetime


@dataclass(frozen=True, slots=True)
class DepartmentRow:
    """A department of the directory."""

    code: str
    slug: str
    name: str
    is_open: bool
    live_keys: int


async def organisations(connections: Connections) -> list[OrganisationRow]:
    """Every charity, by subject."""
    now = connections.clock()
    found: dict[str, OrganisationRow] = {}
    for key in await MongoKeyStore(connections.database).every():
        if key.role != "charity":
            continue
        row = OrganisationRow(key.subject, key.name, key.org_id, 0, key.created_at)
        before = found.get(key.subject)
        live = (before.live_keys if before else 0) + key.is_live(now)
        found[key.subject] = replace(row, live_keys=live)
    return [found[subject] for subject in sorted(found)]


async def departments(connections: Connections) -> list[DepartmentRow]:
    """Every department of the directory, closed ones too, in its order."""
    now = connections.clock()
    keys = await MongoKeyStore(connections.database).every()
    live = Counter(key.subject for key in keys if key.role == "department" and key.is_live(now))
    return [
        DepartmentRow(
            code=each.code,
            slug=each.slug,
            name=each.name.en,
            is_open=each.is_open(now.date()),
            live_keys=live[each.code],
        )
        for each in load_departments().departments
    ]
