"""The audit: who changed what, and whether the chain holds."""

from services.audit.audit_store import MongoAuditLog
from services.audit.entry import AuditCheck, Entry, Head
from services.console.connections import Connections


async def list_entries(
    connections: Connections,
    *,
    limit: int = 50,
    before: int | None = None,
    by: str | None = None,
    action: str | None = None,
    subject: str | None = None,
) -> list[Entry]:
    """The newest entries first; `before` is the number of an entry to go on from."""
    wanted = {"by": by, "action": action, "subject": subject}
    chosen = {name: value for name, value in wanted.items() if value is not None}
    return await MongoAuditLog(connections.database).latest(limit, before, chosen)


async def check_entries(connections: Connections, noted: Head | None = None) -> AuditCheck:
    """Follows the whole chain; `noted` is a head written down at an earlier check."""
    return await MongoAuditLog(connections.database).check(noted)
