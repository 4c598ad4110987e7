"""How a queue item stands, without what it is about."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ItemState:
    """A queue item as operators see it. `lease_until` is None unless somebody holds it, or held it
    and let it expire; `settled_at` is when it was settled, died or was discarded.
    """

    id: str
    feedback_id: str
    department: str
    state: str
    receive_count: int
    created_at: datetime
    lease_until: datetime | None
    settled_at: datetime | None
