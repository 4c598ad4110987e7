"""What is said to a person about the pipeline, and how urgent it is."""

from dataclasses import dataclass
from enum import StrEnum


class Urgency(StrEnum):
    """`now`: feedback does not flow. `soon`: it will not, or something waits for a person."""

    NOW = "now"
    SOON = "soon"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something for a person: what it is about, what is the matter, what to do."""

    urgency: Urgency
    about: str
    what: str
    do: str
