"""An unfinished redrive on the real database: who goes on with it, and with which letters."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from services.console.cli import letter_changes
from services.console.cli.screen import Screen
from services.console.cli.session import Session
from services.console.connections import Connections
from services.console.errors import NothingMatched, WrongInput
from services.console.operations.redrive_orders import RedriveOrder, find_begun, what_is_left
from services.console.operations.redrives import redrive_letters
from services.console.operator import Operator
from services.console.settings import ConsoleSettings
from services.deadletters import redrive as redrives
from services.deadletters.filter import Filter
from services.deadletters.redrive import JobState, Redrive
from services.runtime.errors import Unavailable
from tests.builders import NOON
from tests.deadletters import Desk, dead_record, desk_on, died_after_redrive, letter

OLGA, PETRA = Operator("olga", "k1", reads_text=False), Operator("petra", "k2", reads_text=False)
ORDERED = NOON + timedelta(minutes=10)
EVERYTHING = RedriveOrder(Filter(), rate=1_000.0, everything=True, ordered_at=ORDERED)
LETTERS = 5


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redrives, "CHUNK", 2)


@pytest.fixture
async def desk(mongo_url: str, mongo_database: str) -> AsyncIterator[Desk]:
    async with desk_on(mongo_url, mongo_database) as running:
        await running.bury(*(dead_record(number) for number in range(LETTERS)))
        yield running


def connected(desk: Desk) -> Connections:
    settings = ConsoleSettings(mongo_url=SecretStr("mongodb://nowhere"))
    database = desk.database
    return Connections(settings, database.client, database, desk.kafka, desk.kafka, lambda: NOON)


async def interrupted(desk: Desk, order: RedriveOrder = EVERYTHING) -> Redrive:
    """A redrive of olga's that was given up after its first two letters."""

    def progress(redrive: Redrive) -> None:
        if redrive.redriven:
            raise Unavailable("Kafka: away")

    with pytest.raises(Unavailable):
        await redrive_letters(
            connected(desk), order, operator=OLGA, reason="mended", progress=progress
        )
    [redrive] = await desk.redrives.last(10)
    assert (redrive.state, redrive.redriven) == (JobState.RUNNING, 2)
    return redrive


async def command(
    desk: Desk, order: RedriveOrder, operator: Operator = OLGA, *, yes: bool = False
) -> int:
    """What `dead-letters redrive` does where nobody can be asked."""
    session = Session(connected(desk), operator, Screen(as_json=True))
    return await letter_changes.redrive(session, order, "mended", dry_run=False, yes=yes)


def later(order: RedriveOrder, **changes: Any) -> RedriveOrder:
    """The same words, a day later."""
    moment = ORDERED + timedelta(days=1)
    return replace(order, ordered_at=moment, **changes)


async def waiting(desk: Desk) -> list[int]:
    return sorted(each.offset for each in await desk.letters.page(Filter(), 100))


async def test_the_same_order_asks_and_goes_on_with_what_it_was_for(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = await interrupted(desk)
    desk.kafka.bury(dead_record(77, minutes=60))
    with pytest.raises(WrongInput, match="Nobody is there to ask"):
        await command(desk, later(EVERYTHING), PETRA)
    said = " ".join(capsys.readouterr().err.split())
    assert f"Redrive {begun.name}, ordered" in said
    assert "by olga, has 3 letters left; 2 of 5 are redriven, at 1000 a second" in said
    assert "3 dead letters" in said
    assert len(desk.kafka.redriven()) == 2

    assert await command(desk, later(EVERYTHING), PETRA, yes=True) == 0
    assert f"Redrive {begun.name}, ordered" in capsys.readouterr().err
    assert len(desk.kafka.redriven()) == LETTERS
    assert await waiting(desk) == [77], "it died after the order"
    assert await command(desk, later(EVERYTHING), yes=True) == 0
    assert len(desk.kafka.redriven()) == LETTERS + 1
    assert [each.state for each in await desk.redrives.last(10)] == [JobState.DONE] * 2


async def test_another_order_is_its_own(desk: Desk) -> None:
    begun = await interrupted(desk)
    connections = connected(desk)
    assert await find_begun(connections, later(EVERYTHING)) is not None
    for other in (
        {"rate": 5.0},
        {"most": 3},
        {"only": Filter(error="Permanent")},
        {"only": Filter(died_since=ORDERED)},
    ):
        assert await find_begun(connections, later(EVERYTHING, **other)) is None, other
    with pytest.raises(WrongInput, match="give ids or a filter, or --all"):
        await command(desk, later(EVERYTHING, everything=False), yes=True)
    ended = await redrive_letters(connections, EVERYTHING, operator=OLGA, reason="r")
    assert ended.name != begun.name, "without a name it is begun anew"
    assert ended.redriven == 3


def aged(at: datetime, **more: Any) -> RedriveOrder:
    """As `--older-than 5m --newer-than 7d` is read at a moment."""
    only = Filter(died_before=at - timedelta(minutes=5), died_since=at - timedelta(days=7))
    return replace(EVERYTHING, only=only, ordered_at=at, **more)


async def test_ages_are_the_same_words_however_much_later(desk: Desk) -> None:
    begun = await interrupted(desk, aged(ORDERED))
    assert begun.only.died_before == ORDERED - timedelta(minutes=5)
    connections, at = connected(desk), ORDERED + timedelta(hours=3)
    assert await find_begun(connections, aged(at)) is not None
    moments = replace(aged(at), ordered_at=None)
    assert await find_begun(connections, moments) is None
    desk.kafka.bury(dead_record(77, minutes=60))
    assert await command(desk, aged(at), yes=True) == 0
    assert await waiting(desk) == [77]


async def test_a_name_goes_on_for_who_ordered_it_and_others_are_asked(desk: Desk) -> None:
    begun = await interrupted(desk)
    named = RedriveOrder(Filter(), begun.name, 200.0, ordered_at=ORDERED + timedelta(days=1))
    with pytest.raises(WrongInput, match="Nobody is there to ask"):
        await command(desk, named, PETRA)
    assert await command(desk, named) == 0
    assert len(desk.kafka.redriven()) == LETTERS
    with pytest.raises(WrongInput, match="has ended"):
        await command(desk, named)


@pytest.mark.parametrize(
    "other", [{"only": Filter(error="Permanent")}, {"most": 3}, {"only": Filter(died_since=NOON)}]
)
async def test_a_name_does_not_go_on_in_other_words(desk: Desk, other: dict[str, Any]) -> None:
    begun = await interrupted(desk)
    with pytest.raises(WrongInput, match="another filter or limit"):
        await command(desk, later(EVERYTHING, name=begun.name, **other), yes=True)
    assert await command(desk, later(EVERYTHING, name=begun.name)) == 0


async def test_all_is_not_what_a_filter_was(desk: Desk) -> None:
    begun = await interrupted(desk, replace(EVERYTHING, only=Filter(error="Permanent")))
    with pytest.raises(WrongInput, match="another filter or limit"):
        await command(desk, later(EVERYTHING, name=begun.name), yes=True)


async def test_going_on_it_takes_what_died_before_and_was_not_read_yet(desk: Desk) -> None:
    begun = await interrupted(desk)
    desk.kafka.bury(dead_record(66, minutes=9))
    [first, *_] = desk.kafka.redriven()
    known = await desk.letters.find(first[0])
    assert known is not None
    desk.kafka.bury(died_after_redrive(known, at=1, minutes=60))
    left = await what_is_left(connected(desk), begun)
    assert (left.letters, left.redriven) == (4, 2)
    ended = await redrive_letters(
        connected(desk), RedriveOrder(Filter(), begun.name), operator=OLGA, reason="r"
    )
    assert ended.redriven == LETTERS + 1
    assert await waiting(desk) == [known.offset], "what died again needs another redrive"


async def test_what_is_in_hand_is_left_and_a_limit_holds(desk: Desk) -> None:
    order = replace(EVERYTHING, most=4)
    begun = await interrupted(desk, order)
    assert (await what_is_left(connected(desk), begun)).letters == 2
    await desk.letters.claim(begun.name, begun.only, 1, NOON)
    left = await what_is_left(connected(desk), begun)
    assert (left.letters, left.preview.total) == (2, 2)
    assert await command(desk, later(order), yes=True) == 0
    assert len(desk.kafka.redriven()) == 4


async def test_an_order_takes_nothing_that_dies_while_it_is_confirmed(desk: Desk) -> None:
    await desk.bury(dead_record(88, minutes=11))
    assert await command(desk, EVERYTHING, yes=True) == 0
    assert await waiting(desk) == [88]
    only = Filter(ids=(letter(88).id,))
    with pytest.raises(NothingMatched):
        await command(desk, replace(EVERYTHING, only=only), yes=True)
    now = replace(EVERYTHING, only=only, ordered_at=None)
    assert (await redrive_letters(connected(desk), now, operator=OLGA, reason="r")).redriven == 1
