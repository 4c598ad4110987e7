"""What a redrive is ordered for, and which unfinished one an order would go on with."""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from services.console.connections import Connections
from services.console.errors import Ended, WrongInput
from services.console.operations.dead_letters import Preview, checked, letters_up_to_now, look
from services.deadletters.filter import Filter, likeness, until
from services.deadletters.letter import CLAIMABLE
from services.deadletters.redrive import JobState, Redrive
from services.deadletters.redrive_store import MongoRedriveStore

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class RedriveOrder:
    """What is to be redriven. Without `name` one is made; the name of an unfinished redrive goes on
    with that. `rate` is letters a second, `most` the most letters; `everything` allows a filter
    that leaves nothing out. `ordered_at` is when the command was given, from which the filter's
    ages are reckoned; without it they are moments, and it is ordered when it begins.
    """

    only: Filter
    name: str | None = None
    rate: float | None = None
    most: int | None = None
    everything: bool = False
    ordered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """What an unfinished redrive has still to do: `letters` of them, `redriven` before. `preview`
    shows those that it has not begun with.
    """

    letters: int
    redriven: int
    preview: Preview


async def find_begun(connections: Connections, order: RedriveOrder) -> Redrive | None:
    """The unfinished redrive of the order's name, or without a name the oldest that was ordered in
    just these words, its rate and limit too. Raises `WrongInput`.
    """
    only = sendable(connections, order.only)
    key = likeness(only, order.ordered_at)
    redrives = MongoRedriveStore(connections.database)
    if order.name is None:
        return await redrives.unfinished(key, order.rate, order.most)
    if not _NAME.fullmatch(order.name):
        raise WrongInput(
            "A redrive's name has letters, digits, dots, dashes and underscores, 64 at most"
        )
    found = await redrives.find(order.name)
    if found is None:
        return None
    if found.state is not JobState.RUNNING:
        raise Ended(f"Redrive {found.name} has ended ({found.state}): give another name")
    alone = not order.everything and only == sendable(connections, Filter())
    same = alone or await redrives.is_like(found.name, key)
    if not same or order.most not in (None, found.most):
        raise WrongInput(
            f"Redrive {found.name} was begun with another filter or limit:"
            " go on with its name alone, or give another name"
        )
    return found


async def what_is_left(connections: Connections, redrive: Redrive) -> Left:
    """What an unfinished redrive would still do, counted from the letters."""
    store = await letters_up_to_now(connections)
    preview, tally = await look(store, redrive.only), await store.tally(redrive.name)
    letters = preview.total + tally.open
    if redrive.most is not None:
        letters = max(0, min(letters, redrive.most - tally.redriven - tally.failed))
    return Left(letters, tally.redriven, preview)


def meant(connections: Connections, order: RedriveOrder) -> Filter:
    """The letters that an order takes: what had died when it was given. Raises `WrongInput`."""
    moment = order.ordered_at or connections.clock()
    return until(sendable(connections, order.only), moment)


def sendable(connections: Connections, only: Filter) -> Filter:
    """What of a filter can be redriven; raises `WrongInput`."""
    if not set(only.states) <= set(CLAIMABLE):
        words = " or ".join(CLAIMABLE)
        raise WrongInput(f"Only {words} letters can be redriven: leave the others out of --state")
    return replace(checked(connections, only), sendable=True)
