"""Decides which period can be verified: one that is over, and that the topics still hold."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.topics import PROGRESSED, RECEIVED, ROUTED, TAGGED
from services.console.errors import WrongInput
from services.console.periods import length

READ = (RECEIVED, TAGGED, ROUTED, PROGRESSED)

# clocks of different machines, and what one request takes from its receipt to its record
MARGIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Period:
    """Receipts accepted from `start` up to `end`; what waits longer than `settle` is stuck."""

    start: datetime
    end: datetime
    settle: timedelta

    @property
    def read_from(self) -> datetime:
        """From where on topics and decisions are read."""
        return self.start - MARGIN


def settled_period(
    since: datetime | timedelta,
    until: datetime | None,
    settle: timedelta,
    now: datetime,
    kept: timedelta,
) -> Period:
    """The part of the period that had time to settle. Raises `WrongInput` where there is none, and
    where it begins before what topics keep.
    """
    if settle < timedelta(seconds=1):
        raise WrongInput("--settle must be at least 1 s: an item needs time from stage to stage")
    start = now - since if isinstance(since, timedelta) else since
    end = min(until or now, now - settle)
    if start < now - kept:
        raise WrongInput(
            f"Topics keep their records for {length(kept.total_seconds())}: begin at"
            f" {_written(now - kept)} or later"
        )
    if start >= end:
        raise WrongInput(
            f"Nothing between {_written(start)} and {_written(end)} has settled:"
            " begin earlier, or give a smaller --settle"
        )
    return Period(start, end, settle)


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
