"""Decides what an organisation sees of its feedback's way; fed by events, asked by the API."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.departments import Departments
from schemas.envelope import FeedbackProgressed, FeedbackRouted
from services.intake.tracking_store import Entry, TrackingStore


class Status(StrEnum):
    """How far a feedback has come: as far as the department that is furthest with it."""

    RECEIVED = "received"
    QUEUED = "queued"
    ACKNOWLEDGED = "acknowledged"


_ORDER = tuple(Status)


@dataclass(frozen=True, slots=True)
class Milestone:
    """A line of the history; `department` is a GOV.UK slug."""

    at: datetime
    what: str
    department: str | None = None


class Tracking:
    """Handles the events that tell of a feedback's way. A repeated event changes nothing."""

    def __init__(self, store: TrackingStore) -> None:
        self._store = store

    async def note_routed(self, events: Sequence[FeedbackRouted]) -> None:
        """Keeps, for each department, that the feedback waits on its queue."""
        await self._store.add(
            [
                Entry(event.subject, event.id, event.time, Status.QUEUED.value, each.department)
                for event in events
                for each in event.data.departments
            ]
        )

    async def note_progressed(self, events: Sequence[FeedbackProgressed]) -> None:
        """Keeps the step that a department took."""
        await self._store.add(
            [
                Entry(
                    event.subject,
                    event.id,
                    event.data.at,
                    event.data.step.value,
                    event.data.department,
                )
                for event in events
            ]
        )


def write_history(
    accepted_at: datetime, entries: Iterable[Entry], departments: Departments
) -> list[Milestone]:
    """Everything that happened, oldest first; of what happened at once, the earlier stage."""
    milestones = [Milestone(accepted_at, Status.RECEIVED.value)]
    milestones += [
        Milestone(each.at, each.what, _slug(each.department, departments)) for each in entries
    ]
    return sorted(milestones, key=lambda each: (each.at, _stage(each.what), each.department or ""))


def find_status(history: Iterable[Milestone]) -> Status:
    """The furthest stage that is in the history, in whatever order the news came."""
    return _ORDER[max(_stage(each.what) for each in history)]


def _stage(what: str) -> int:
    """A step that this version does not know is no stage of its own."""
    return _ORDER.index(Status(what)) if what in _ORDER else 0


def _slug(code: str, departments: Departments) -> str | None:
    return departments.by_code(code).slug if code in departments else None
