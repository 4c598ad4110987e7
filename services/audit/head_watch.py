"""Notes the audit's head in the log while a process runs, and says when what was noted is gone."""

import asyncio

import structlog

from services.audit.audit_store import MongoAuditLog
from services.audit.entry import Head, what_changed
from services.runtime.background import Background
from services.runtime.errors import Unavailable
from services.runtime.metrics import Metrics

_EVERY_SECONDS = 60.0

log = structlog.get_logger(__name__)


class HeadWatch(Background):
    """Looks each minute, at its start first; remembers the newest head that followed from the one
    before. An entry that comes and goes between two looks is not seen.
    """

    def __init__(
        self, audit: MongoAuditLog, metrics: Metrics, every_seconds: float = _EVERY_SECONDS
    ) -> None:
        self._audit = audit
        self._metrics = metrics
        self._every_seconds = every_seconds
        self._noted = Head()
        self._told: str | None = None

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Unavailable:
                pass  # readiness says it
            except Exception:
                log.exception("audit not looked at", action="watch_audit")
            await asyncio.sleep(self._every_seconds)

    async def look(self) -> None:
        """Compares what is there with what was noted, and notes the head. Raises `Unavailable`."""
        head = await self._audit.head()
        there = await self._audit.read(after=self._noted.seq - 1, limit=1)
        changed = what_changed(self._noted, there[0] if there else None, head)
        self._metrics.audit_changed.set(changed is not None)
        if changed is None and head != self._noted:
            log.info("audit head", action="watch_audit", seq=head.seq, digest=head.digest)
            self._noted = head
        if changed is not None and changed != self._told:
            noted = str(self._noted)
            log.error("audit changed", action="watch_audit", what=changed, noted=noted)
        self._told = changed
