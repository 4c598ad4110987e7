"""Which dead letters are meant: a filter as people give it, and in MongoDB's words."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from services.deadletters.letter import State

_MOST_SAID = 10


@dataclass(frozen=True, slots=True)
class Filter:
    """Letters that are all of this; what is `None` or empty does not matter.

    `topic` is the origin's whole name, `reason` a part of the reason as written, in either case;
    `error` the error's class. A letter is as old as its last death. `states` is never empty.
    `sendable` leaves out those whose record can never be redriven.
    """

    states: tuple[State, ...] = (State.WAITING,)
    ids: tuple[str, ...] = ()
    topic: str | None = None
    group: str | None = None
    reason: str | None = None
    error: str | None = None
    version: str | None = None
    died_before: datetime | None = None
    died_since: datetime | None = None
    sendable: bool = False

    def narrows(self) -> bool:
        """Whether it leaves out anything besides states."""
        return self != Filter(states=self.states, sendable=self.sendable)


def until(only: Filter, moment: datetime) -> Filter:
    """What of a filter had died by a moment."""
    return replace(only, died_before=min(moment, only.died_before or moment))


def likeness(only: Filter, reckoned_from: datetime | None = None) -> str:
    """The same for two filters that were given in the same words, however much later. Their ages
    were reckoned from a moment; without one they were given as moments themselves.
    """
    words = filter_document(only)
    for name in ("died_before", "died_since"):
        at: datetime | None = words[name]
        if at is not None:
            words[name] = str(reckoned_from - at) if reckoned_from else at.isoformat()
    return repr(words)


def query(only: Filter) -> dict[str, Any]:
    """The filter on `dead_letters`. What a person gave is only ever a value."""
    wanted: dict[str, Any] = {"state": {"$in": [str(state) for state in only.states]}}
    if only.ids:
        wanted["_id"] = {"$in": list(only.ids)}
    for name in ("topic", "group", "error", "version"):
        if (value := getattr(only, name)) is not None:
            wanted[name] = {"$eq": value}
    if only.reason is not None:
        wanted["reason"] = {"$regex": re.escape(only.reason), "$options": "i"}
    if only.sendable:
        wanted["unsendable"] = None
    ages = {"$lt": only.died_before, "$gte": only.died_since}
    if died := {sign: at for sign, at in ages.items() if at is not None}:
        wanted["last_at"] = died
    return wanted


def describe(only: Filter) -> dict[str, str]:
    """The filter as flat words, for the audit and the list of redrives."""
    more = len(only.ids) - _MOST_SAID
    ids = ",".join(only.ids[:_MOST_SAID]) + (f" and {more} more" if more > 0 else "")
    words = {"states": ",".join(only.states), "ids": ids}
    for name in ("topic", "group", "reason", "error", "version"):
        words[name] = getattr(only, name) or ""
    for name in ("died_before", "died_since"):
        at: datetime | None = getattr(only, name)
        words[name] = at.isoformat() if at else ""
    return {name: value for name, value in words.items() if value}


def filter_document(only: Filter) -> dict[str, Any]:
    """A filter to keep with a redrive."""
    document = asdict(only)
    return document | {"states": [str(s) for s in only.states], "ids": list(only.ids)}


def read_filter(document: Mapping[str, Any]) -> Filter:
    """A kept filter."""
    states = tuple(State(each) for each in document["states"])
    return Filter(**(dict(document) | {"states": states, "ids": tuple(document["ids"])}))
