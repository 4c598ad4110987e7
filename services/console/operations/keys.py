"""Keys of organisations, departments and operators: made, replaced and ended, each audited.

The audit is written first: an entry without its change is harmless, a change without its entry is
not.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from schemas.departments import load_departments
from services.accounts.issuing import CannotIssue, draw_for
from services.accounts.key_store import KeyTaken, MongoKeyStore, StoredKey
from services.accounts.keys import Key, Role
from services.audit.audit_store import MongoAuditLog
from services.audit.entry import Details
from services.console.connections import Connections
from services.console.errors import Conflict, Ended, NotAllowed, NotFound, WrongInput
from services.console.operator import BOOTSTRAP, BREAK_GLASS, Operator, stated

LONGEST_OVERLAP = timedelta(days=90)

State = Literal["live", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as lists show it, without its secret."""

    key_id: str
    role: Role
    subject: str
    name: str
    org_id: str | None
    reads_text: bool
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    state: State


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: the only time that its text is known."""

    key: str = field(repr=False)
    row: KeyRow


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """Who is to get a key. `subject`: a charity's own id, a department's GOV.UK slug or permanent
    code, or an operator's account.
    """

    role: Role
    subject: str
    name: str = ""
    org_id: str | None = None
    reads_text: bool = False


async def list_keys(
    connections: Connections, role: Role | None = None, subject: str | None = None
) -> list[KeyRow]:
    """All keys, ended ones included, oldest first."""
    now = connections.clock()
    keys = await MongoKeyStore(connections.database).every()
    return [
        _row(key, now)
        for key in keys
        if role in (None, key.role) and subject in (None, key.subject)
    ]


async def create_key(
    connections: Connections, order: KeyOrder, *, operator: Operator, reason: str
) -> NewKey:
    """Makes a key; raises `WrongInput` for a wrong order, `NotAllowed` for more than one has."""
    kept = stated(reason)
    if operator not in (BOOTSTRAP, BREAK_GLASS):
        _require_reading(operator, order.role, order.reads_text)
    elif order.role != "operator":
        raise NotAllowed(
            "Without a key only an operator's key can be made: keys create --role operator"
        )
    key, stored = _draw(connections, order)
    details: Details = {
        "role": stored.role,
        "subject": stored.subject,
        "reads_text": stored.reads_text,
    }
    if operator == BREAK_GLASS:
        details = {**details, "break_glass": True}
    await MongoAuditLog(connections.database, connections.clock).append(
        by=operator.name,
        action="keys.create",
        subject=key.key_id,
        reason=kept,
        details=details,
    )
    return await _store(connections, key, stored)


async def rotate_key(
    connections: Connections, key_id: str, overlap: timedelta, *, operator: Operator, reason: str
) -> NewKey:
    """Makes a new key for the same holder; the old one ends once `overlap` is over.

    Raises `NotFound`, `Ended` for a key that has, `NotAllowed`.
    """
    kept = stated(reason)
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise WrongInput(f"The overlap may be from 0 to {LONGEST_OVERLAP.days} days")
    now = connections.clock()
    old = await _find(connections, key_id)
    if not old.is_live(now):
        raise Ended(f"Key {key_id} has ended: make a new one with keys create")
    _require_reading(operator, old.role, old.reads_text)
    order = KeyOrder(old.role, old.subject, old.name, old.org_id, old.reads_text)
    key, stored = _draw(connections, order)
    ends_at = min(now + overlap, old.expires_at or now + overlap)
    await MongoAuditLog(connections.database, connections.clock).append(
        by=operator.name,
        action="keys.rotate",
        subject=key_id,
        reason=kept,
        details={"new": key.key_id, "old_ends_at": ends_at.isoformat(timespec="seconds")},
    )
    made = await _store(connections, key, stored)
    await MongoKeyStore(connections.database).expire(key_id, ends_at)
    return made


async def revoke_key(
    connections: Connections, key_id: str, *, operator: Operator, reason: str
) -> KeyRow:
    """Ends a key for good: services refuse it within 5 seconds. A second time changes nothing.

    Raises `NotFound`, `Conflict` for the last operator's key that is live.
    """
    kept = stated(reason)
    old = await _find(connections, key_id)
    if old.revoked_at is None:
        await _require_another_operator(connections, old)
        await MongoAuditLog(connections.database, connections.clock).append(
            by=operator.name,
            action="keys.revoke",
            subject=key_id,
            reason=kept,
            details={"role": old.role, "subject": old.subject},
        )
        await MongoKeyStore(connections.database).revoke(key_id, connections.clock())
    return _row(await _find(connections, key_id), connections.clock())


def _draw(connections: Connections, order: KeyOrder) -> tuple[Key, StoredKey]:
    try:
        return draw_for(
            order.role,
            order.subject,
            order.name,
            org_id=order.org_id,
            departments=load_departments(),
            random_bytes=secrets.token_bytes,
            now=connections.clock(),
            reads_text=order.reads_text,
        )
    except CannotIssue as error:
        raise WrongInput(f"No key was made: {error}") from None


async def _store(connections: Connections, key: Key, stored: StoredKey) -> NewKey:
    try:
        await MongoKeyStore(connections.database).create(stored)
    except KeyTaken:
        raise WrongInput("No key was made: its id was taken. Try again") from None
    return NewKey(key.text(), _row(stored, connections.clock()))


async def _find(connections: Connections, key_id: str) -> StoredKey:
    key = await MongoKeyStore(connections.database).find(key_id)
    if key is None:
        raise NotFound(f"There is no key {key_id!r}: keys list shows all, by their ids")
    return key


def _require_reading(operator: Operator, role: Role, reads_text: bool) -> None:
    """A department's key reads what waits on its queue, so it is as much as one that reads text."""
    if (role == "department" or reads_text) and not operator.reads_text:
        raise NotAllowed(
            "Only an operator whose own key reads text can give a department's key, or an"
            " operator's that reads text: ask one to do it"
        )


async def _require_another_operator(connections: Connections, ending: StoredKey) -> None:
    """Without an operator's key nobody could make another, or end one that leaked."""
    now = connections.clock()
    if ending.role != "operator" or not ending.is_live(now):
        return
    keys = await MongoKeyStore(connections.database).every()
    if not any(
        key.role == "operator" and key.is_live(now) and key.key_id != ending.key_id for key in keys
    ):
        raise Conflict(
            f"Key {ending.key_id} is the last operator's key that is live: make another before it"
            " is revoked, with keys create --role operator"
        )


def _row(key: StoredKey, now: datetime) -> KeyRow:
    ended: State = "revoked" if key.revoked_at is not None else "expired"
    return KeyRow(
        key_id=key.key_id,
        role=key.role,
        subject=key.subject,
        name=key.name,
        org_id=key.org_id,
        reads_text=key.reads_text,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        state="live" if key.is_live(now) else ended,
    )
