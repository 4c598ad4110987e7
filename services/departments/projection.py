"""Projects `feedback.routed` into the log of topic streams."""

from collections.abc import Callable, Sequence

from services.departments.stream_log import Entry, StreamLog
from services.runtime.errors import Permanent, Transient, Unavailable


class Projection:
    """Handles batches of routed feedback; tells this process's tail that there is more."""

    def __init__(self, log: StreamLog, added: Callable[[], None]) -> None:
        self._log = log
        self._added = added

    async def handle(self, entries: Sequence[Entry]) -> None:
        """Returns when the log and its watermarks hold the batch.

        A refused write is taken for an outage: the batch is read again as a whole. Retried by
        itself, an entry could come after the watermark had passed it, and no stream would send it.
        """
        try:
            await self._log.append(entries)
        except (Transient, Permanent) as error:
            raise Unavailable(str(error)) from error
        self._added()
