"""What happened to a queue item, as far as the item itself tells."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ItemHistory:
    """A queue item of one department. Of its leases the last is known, and how many there were.

    `lease_until` is `None` where nobody ever held it; `lease_released` says that the holder gave it
    back. `ended_at` is when it was acknowledged, died or was discarded. `note` is why it ended, in
    the words of the pipeline, or of the department where `note_is_theirs`.
    """

    item_id: str
    department: str
    role: str
    rule: str
    because: str
    revision: int
    state: str
    queued_at: datetime
    receive_count: int
    lease_until: datetime | None
    lease_released: bool
    ended_at: datetime | None
    note: str | None
    note_is_theirs: bool
    traceparent: str | None
