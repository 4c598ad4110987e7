"""What can be wrong with an item, and a fault as it is told."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FaultKind(StrEnum):
    """Every fault by its name; the order is that of an item's way."""

    NEVER_PUBLISHED = "never_published"  # accepted, and still only in the outbox
    LOST_AFTER_PUBLISHING = "lost_after_publishing"  # marked published, and nowhere
    NO_RECEIPT = "no_receipt"  # on its way, and nobody accepted it
    NEVER_TAGGED = "never_tagged"
    NEVER_ROUTED = "never_routed"
    NO_QUEUE_ITEM = "no_queue_item"  # a department was chosen and has nothing
    ITEM_WITHOUT_DECISION = "item_without_decision"
    DOUBLED_ITEM = "doubled_item"  # one department has it twice
    RECORDS_GONE = "records_gone"  # not where it should end, and no topic says any more where it is
    STUCK = "stuck"  # waits in a stage for longer than that takes
    EXPIRED_LEASE = "expired_lease"  # was received, not settled, and nobody takes it again
    PROGRESS_UNPUBLISHED = "progress_unpublished"  # acknowledged, and the charity is not told
    REDRIVE_WITHOUT_EFFECT = "redrive_without_effect"
    REDRIVE_LEFT_OPEN = "redrive_left_open"  # claimed by a redrive that nobody runs
    AUDIT_BROKEN = "audit_broken"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: with which item, where, since when, and what to do about it.

    `subject` names what else is meant: a queue item, a dead letter, an entry of the audit.
    """

    kind: FaultKind
    detail: str
    feedback_id: str | None = None
    reference: str | None = None
    stage: str | None = None
    subject: str | None = None
    since: datetime | None = None
