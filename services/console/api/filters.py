"""Filters of dead letters and dead items, as parameters of an address and as fields of a body."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from schemas.departments import load_departments
from services.console.api.bodies import Body
from services.console.operations.dead_item_filters import EVERY_DEPARTMENT, departments_named
from services.deadletters.filter import Filter
from services.deadletters.letter import State
from services.queues.dead_item import DeadItemFilter
from services.queues.item import State as ItemState

_MOST_IDS = 100  # what fits into an address
_FIRST_YEAR, _LAST_YEAR = 1970, 9_998


def _sensible(moment: datetime) -> datetime:
    """Within what every clock and the database can count."""
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"give a time from the year {_FIRST_YEAR} on")
    return moment.astimezone(UTC)


def _no_number(given: object) -> object:
    """A number in an address is no count of seconds: nobody could tell since when."""
    if isinstance(given, str) and given.strip().replace(".", "").lstrip("+-").isdigit():
        raise ValueError("write a time as 2026-11-24T13:56:00Z")
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_no_number), AfterValidator(_sensible)]
Name = Annotated[str, Field(max_length=200)]
Id = Annotated[str, Field(max_length=100)]
Ids = Annotated[tuple[Id, ...], Field(max_length=_MOST_IDS, description="Only these.")]
Matching = Annotated[
    str | None,
    Field(max_length=500, description="A part of the reason of the death, as Frontline wrote it."),
]
DiedBefore = Annotated[Moment | None, Field(description="Only what died before.")]
DiedSince = Annotated[Moment | None, Field(description="Only what died then or later.")]


class LetterFilter(Body):
    """Letters that are all of this."""

    state: tuple[Literal["waiting", "redriving", "redriven", "discarded"], ...] = Field(
        ("waiting",), min_length=1, max_length=4, description="In one of these states."
    )
    ids: Ids = ()
    topic: Name | None = Field(None, description="Of this topic, or its `.dead` twin.")
    group: Name | None = Field(None, description="Given up by this consumer group.")
    matching: Matching = None
    error: Name | None = Field(None, description="With this class of error, as Permanent.")
    version: Name | None = Field(None, description="Given up by this version of the service.")
    died_before: DiedBefore = None
    died_since: DiedSince = None

    def only(self) -> Filter:
        """As operations take it."""
        return Filter(
            states=tuple(State(each) for each in self.state),
            ids=self.ids,
            topic=self.topic,
            group=self.group,
            reason=self.matching,
            error=self.error,
            version=self.version,
            died_before=self.died_before,
            died_since=self.died_since,
        )


class ItemFilter(Body):
    """Dead queue items that are all of this."""

    department: Name = Field(
        EVERY_DEPARTMENT,
        description="A department's permanent code or GOV.UK slug; `all` for every one.",
        examples=[load_departments().departments[0].slug],
    )
    state: Literal["dead", "discarded"] = Field("dead", description="In this state.")
    ids: Ids = ()
    matching: Matching = None
    died_before: DiedBefore = None
    died_since: DiedSince = None

    def only(self) -> DeadItemFilter:
        """As operations take it; raises `WrongInput` for an unknown department."""
        return DeadItemFilter(
            departments=departments_named(self.department),
            state=ItemState(self.state),
            ids=self.ids,
            reason=self.matching,
            died_before=self.died_before,
            died_since=self.died_since,
        )


class LetterPage(LetterFilter):
    """A page of letters: `after` is the id of the last one of the page before."""

    limit: int = Field(50, ge=1, le=1_000)
    after: Name | None = None


class ItemPageQuery(ItemFilter):
    """A page of dead items: `after` is the id of the last one of the page before."""

    limit: int = Field(50, ge=1, le=1_000)
    after: Name | None = None
