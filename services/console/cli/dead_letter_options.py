"""Which dead letters or dead items a command means: its options, and the filters they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

import typer

from services.console.errors import WrongInput
from services.console.operations.dead_item_filters import departments_named
from services.console.periods import read_duration
from services.deadletters.filter import Filter
from services.deadletters.letter import State as LetterState
from services.queues.dead_item import DEAD_STATES, DeadItemFilter
from services.queues.item import State as ItemState

Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="Only these, by the ids in lists.")
]
Topic = Annotated[str | None, typer.Option(help="Only from this topic, as feedback.received.")]
Group = Annotated[str | None, typer.Option(help="Only given up by this consumer group.")]
Matching = Annotated[
    str | None,
    typer.Option(help="Only where this is part of the reason of its death, as Frontline wrote it."),
]
WithText = Annotated[
    bool,
    typer.Option(
        "--text", help="Also what people wrote; needs --reason, and a key that reads text."
    ),
]
WhyText = Annotated[
    str,
    typer.Option("--reason", help="Why --text is wanted; kept in the audit. Never name a person."),
]
TheirWords = Annotated[
    bool,
    typer.Option(
        "--text",
        help="Also what departments wrote, to be shown and to go by in --matching;"
        " needs --department, and a key that reads text.",
    ),
]
Error = Annotated[
    str | None, typer.Option(help="Only this class of error: Malformed, Permanent, Transient.")
]
Version = Annotated[str | None, typer.Option(help="Only given up by this version of the service.")]
OlderThan = Annotated[
    timedelta | None,
    typer.Option(parser=read_duration, metavar="DURATION", help="Only dead for longer, as 2h."),
]
NewerThan = Annotated[
    timedelta | None,
    typer.Option(parser=read_duration, metavar="DURATION", help="Only dead for less, as 7d."),
]
States = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        help="Only in this state, or all: waiting, redriving, redriven, discarded;"
        " for items of a queue: dead, discarded.",
    ),
]
Department = Annotated[
    str | None,
    typer.Option(
        metavar="CODE|SLUG|all",
        help="Items of this department's queue instead of records of topics.",
    ),
]
Everything = Annotated[bool, typer.Option("--all", help="All of them, without any filter.")]
Most = Annotated[int | None, typer.Option("--max", min=1, help="At most so many, then end.")]
Rate = Annotated[float, typer.Option(min=0.1, max=100_000, help="At most so many a second.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show how many and which, and change nothing.")
]

EVERY_STATE = "all"

_State = TypeVar("_State", LetterState, ItemState)


@dataclass(frozen=True, slots=True)
class Meant:
    """What the options of a command say."""

    ids: Sequence[str] | None = None
    topic: str | None = None
    group: str | None = None
    matching: str | None = None
    error: str | None = None
    version: str | None = None
    older_than: timedelta | None = None
    newer_than: timedelta | None = None
    states: Sequence[str] | None = None
    department: str | None = None
    text: bool = False

    def letters(self, now: datetime, default: Sequence[LetterState]) -> Filter:
        """As dead letters of topics; raises `WrongInput`."""
        if self.text:
            raise WrongInput(
                "No text is shown or matched here: dead-letters show ID --text shows a record's,"
                " and with --department, --text is what departments wrote"
            )
        return Filter(
            states=_states(self.states, tuple(LetterState), default),
            ids=tuple(self.ids or ()),
            topic=self.topic,
            group=self.group,
            reason=self.matching,
            error=self.error,
            version=self.version,
            died_before=_ago(now, self.older_than),
            died_since=_ago(now, self.newer_than),
        )

    def items(self, now: datetime) -> DeadItemFilter:
        """As dead items of the department's queue; raises `WrongInput`."""
        assert self.department is not None
        for name in ("topic", "group", "error", "version"):
            if getattr(self, name) is not None:
                raise WrongInput(f"Items of a queue have no {name}: leave --{name} out")
        states = _states(self.states, DEAD_STATES, (ItemState.DEAD,))
        if len(states) > 1:
            raise WrongInput("Give one --state of a queue's items: dead or discarded")
        return DeadItemFilter(
            departments=departments_named(self.department),
            state=states[0],
            ids=tuple(self.ids or ()),
            reason=self.matching,
            their_words=self.text,
            died_before=_ago(now, self.older_than),
            died_since=_ago(now, self.newer_than),
        )


def checked_why(text: bool, why: str) -> str:
    """The reason that goes with `--text`; raises `WrongInput` where it would go unheard."""
    if why and not text:
        raise WrongInput(
            "--reason says why --text is wanted: leave it out, or filter with --matching"
        )
    return why


def _states(
    given: Sequence[str] | None, known: Sequence[_State], default: Sequence[_State]
) -> tuple[_State, ...]:
    if not given:
        return tuple(default)
    if EVERY_STATE in given:
        return tuple(known)
    by_name = {str(state): state for state in known}
    if wrong := [each for each in given if each not in by_name]:
        raise WrongInput(f"There is no state {wrong[0][:40]!r}: it is {', '.join(by_name)} or all")
    return tuple(by_name[each] for each in dict.fromkeys(given))


def _ago(now: datetime, age: timedelta | None) -> datetime | None:
    return None if age is None else now - age
