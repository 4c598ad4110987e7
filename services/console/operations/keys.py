"""Keys of organisations, departments and operators: who has which, made and ended by whom."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.accounts.key_store import MongoKeyStore, StoredKey
from services.accounts.keys import Role
from services.console.connections import Connections


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
    state: Literal["live", "expired", "revoked"]


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


def _row(key: StoredKey, now: datetime) -> KeyRow:
    state: Literal["live", "expired", "revoked"] = "live"
    if key.revoked_at is not None:
        state = "revoked"
    elif not key.is_live(now):
        state = "expired"
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
        state=state,
    )
