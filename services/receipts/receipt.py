"""What is kept of an accepted submission."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is kept of an accepted submission; `event` is published as it is, by whoever does."""

    id: str
    reference: str
    organisation: str
    fingerprint: bytes
    event: bytes
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """A receipt without its event, with the time at which its event was known to be published."""

    id: str
    reference: str
    accepted_at: datetime
    published_at: datetime | None
