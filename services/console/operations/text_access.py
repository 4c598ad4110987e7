"""Who may see what people wrote; that they saw it, and why, is audited."""

from collections.abc import Mapping

from services.audit.audit_store import MongoAuditLog
from services.console.connections import Connections
from services.console.errors import NotAllowed
from services.console.operator import Operator, stated


def may_read(operator: Operator, reason: str) -> str:
    """The reason as it is audited; raises `NotAllowed` for a key that does not read text, and
    `WrongInput` without a reason.
    """
    if not operator.reads_text:
        raise NotAllowed(
            "This key does not show what people wrote:"
            " keys create --role operator --reads-text makes one that does"
        )
    return stated(reason)


async def audit_dead_text(
    connections: Connections,
    operator: Operator,
    reason: str,
    subject: str,
    details: Mapping[str, str | int | None],
) -> None:
    """Writes down that text of dead letters or dead items is shown, before it is."""
    await MongoAuditLog(connections.database, connections.clock).append(
        by=operator.name,
        action="dead_letters.text",
        subject=subject,
        reason=reason,
        details=details,
    )
