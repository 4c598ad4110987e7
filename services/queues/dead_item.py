"""Queue items that died: which are meant, and how they look to an operator."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.queues.item import State

DEAD_STATES = (State.DEAD, State.DISCARDED)


@dataclass(frozen=True, slots=True)
class Discarded:
    """Who took a dead item off for good, when and why."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class DeadItem:
    """A dead or discarded item, without its text. `reason` is why it died: that nobody acknowledged
    it, or in the words of the department where `reason_is_theirs`, which may quote the feedback.
    `redrives` says how often it was put back before.
    """

    id: str
    feedback_id: str
    department: str
    state: State
    role: str
    areas: tuple[str, ...]
    rule: str
    receive_count: int
    created_at: datetime
    died_at: datetime
    reason: str | None
    reason_is_theirs: bool = False
    redrives: int = 0
    discarded: Discarded | None = None


@dataclass(frozen=True, slots=True)
class DeadItemFilter:
    """Items that are all of this; what is `None` or empty does not matter.

    `departments` are permanent codes and never empty; `reason` is a part of the reason as written,
    in either case, by the pipeline or, with `their_words`, also by a department.
    """

    departments: tuple[str, ...]
    state: State = State.DEAD
    ids: tuple[str, ...] = ()
    reason: str | None = None
    their_words: bool = False
    died_before: datetime | None = None
    died_since: datetime | None = None


def query(only: DeadItemFilter) -> dict[str, Any]:
    """The filter on `queue_items`; it goes by the index of dead, or of discarded items."""
    departments = list(only.departments)
    wanted: dict[str, Any] = {
        "department": departments[0] if len(departments) == 1 else {"$in": departments},
        "state": str(only.state),
    }
    if only.ids:
        wanted["_id"] = {"$in": list(only.ids)}
    if only.reason is not None:
        wanted["settlement.reason"] = {"$regex": re.escape(only.reason), "$options": "i"}
        if not only.their_words:
            wanted["settlement.token"] = None  # what ended by a lease has the words of its holder
    ages = {"$lt": only.died_before, "$gte": only.died_since}
    if died := {sign: at for sign, at in ages.items() if at is not None}:
        wanted["settlement.at"] = died
    return wanted
