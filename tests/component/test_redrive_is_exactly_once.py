"""A redrive on the real database: wherever it is killed and run again, each letter is sent once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import count

import pytest

from services.deadletters import redrive as redrives
from services.deadletters.filter import Filter, likeness
from services.deadletters.hold import HeldElsewhere
from services.deadletters.letter import State
from services.deadletters.records import REPLACED, TAKEN
from services.deadletters.redrive import JobState, Redrive
from services.deadletters.redriving import NOWHERE, TOO_LARGE
from services.runtime.errors import Unavailable
from services.runtime.kafka import Record
from tests.builders import NOON
from tests.deadletters import TOPIC, Desk, Fate, Killed, dead_record, desk_on, died_after_redrive
from tests.deadletters import letter as letter_of

LETTERS = 5


@pytest.fixture
async def desk(mongo_url: str, mongo_database: str) -> AsyncIterator[Desk]:
    async with desk_on(mongo_url, mongo_database) as running:
        yield running


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redrives, "CHUNK", 2)


async def five_letters(desk: Desk) -> list[str]:
    """Of two topics and two partitions."""
    await desk.bury(
        *(dead_record(number, partition=number % 2) for number in range(3)),
        *(dead_record(number, topic="feedback.tagged", group="router") for number in (3, 4)),
    )
    return sorted([each.id async for each in desk.letters.every(Filter())])


def sent(desk: Desk) -> list[tuple[str, int]]:
    return sorted(desk.kafka.redriven() + desk.kafka.redriven("feedback.tagged"))


async def run_again(desk: Desk, holder: str = "another") -> Redrive:
    await desk.end_leases()
    return await desk.redriving(holder=holder).run("first")


async def test_every_letter_goes_to_its_origin_once(desk: Desk) -> None:
    ids = await five_letters(desk)
    await desk.order()
    seen: list[int] = []
    ended = await desk.redriving().run("first", lambda redrive: seen.append(redrive.redriven))
    assert (ended.state, ended.redriven, ended.failed) == (JobState.DONE, LETTERS, 0)
    assert seen == [0, 2, 4, 5]
    assert sent(desk) == [(name, 1) for name in ids]
    letters = [each async for each in desk.letters.every(Filter(states=(State.REDRIVEN,)))]
    assert len(letters) == LETTERS
    origins = {(each.topic, each.partition) for each in letters}
    assert origins == {key for key, log in desk.kafka.logs.items() if log and "dead" not in key[0]}


async def test_killed_at_any_point_and_run_again_each_is_sent_once(desk: Desk) -> None:
    deaths = 0
    for moment in count():
        await desk.clear()
        ids = await five_letters(desk)
        await desk.order()
        try:
            ended = await desk.redriving(Fate(moment)).run("first")
        except Killed:
            deaths += 1
            ended = await run_again(desk)
        else:
            break
        assert sent(desk) == [(name, 1) for name in ids], f"killed at touch {moment}"
        assert (ended.state, ended.redriven) == (JobState.DONE, LETTERS), f"touch {moment}"
    assert deaths > 30


@pytest.mark.parametrize("first", [11, 13, 16, 17, 18, 19])
async def test_killed_again_while_it_recovers_each_is_sent_once(desk: Desk, first: int) -> None:
    for second in range(0, 24, 2):
        await desk.clear()
        ids = await five_letters(desk)
        await desk.order()
        for fate in (Fate(first), Fate(second)):
            with pytest.raises(Killed):
                await desk.redriving(fate).run("first")
            await desk.end_leases()
        ended = await run_again(desk)
        assert sent(desk) == [(name, 1) for name in ids], f"killed at {first}, then at {second}"
        assert ended.redriven == LETTERS


async def test_an_outage_leaves_it_to_be_run_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await five_letters(desk)
    await desk.order()

    async def away(_: object) -> None:
        raise Unavailable("Kafka: away")

    with monkeypatch.context() as patch:
        patch.setattr(desk.kafka, "publish", away)
        with pytest.raises(Unavailable):
            await desk.redriving().run("first")
    found = await desk.redrives.find("first")
    assert found is not None
    assert found.state is JobState.RUNNING
    assert (await run_again(desk)).redriven == LETTERS
    assert sent(desk) == [(name, 1) for name in ids]


async def test_interrupted_while_it_publishes_nobody_goes_on_before_its_lease_expires(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await five_letters(desk)
    await desk.order()
    publishing, arrive = asyncio.Event(), desk.kafka.publish

    async def linger(records: Sequence[Record]) -> None:
        late.extend(records)
        publishing.set()
        await asyncio.Event().wait()

    late: list[Record] = []
    with monkeypatch.context() as patch:
        patch.setattr(desk.kafka, "publish", linger)
        running = asyncio.create_task(desk.redriving(lease_seconds=2).run("first"))
        await publishing.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    another = asyncio.create_task(desk.redriving(holder="another").run("first"))
    await asyncio.sleep(0.5)
    await arrive(late)  # what a client has in hand is sent while it ends
    assert (await another).redriven == LETTERS
    assert sent(desk) == [(name, 1) for name in ids]


async def test_one_process_at_a_time_runs_it(desk: Desk) -> None:
    await five_letters(desk)
    await desk.order(rate=2.0)
    first = asyncio.create_task(desk.redriving().run("first"))
    await asyncio.sleep(0.2)
    with pytest.raises(HeldElsewhere):
        await desk.redriving(holder="another", lease_seconds=0.3).run("first")
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await desk.redriving(holder="another").run("first")).redriven == LETTERS


async def test_what_dies_again_is_not_sent_twice_by_one_redrive(desk: Desk) -> None:
    await desk.bury(dead_record(1))
    await desk.order()
    await desk.redriving().run("first")
    known = await desk.letters.find(letter_of(1).id)
    assert known is not None
    await desk.bury(died_after_redrive(known, at=1))
    assert await desk.letters.claim("first", Filter(), 10, NOON) == []

    await desk.order("second")
    await desk.redriving().run("second")
    assert sent(desk) == [(known.id, 1), (known.id, 2)]


async def test_limit_and_rate_are_kept(desk: Desk) -> None:
    await five_letters(desk)
    await desk.order(most=3, rate=10.0)
    started = asyncio.get_running_loop().time()
    ended = await desk.redriving().run("first")
    assert asyncio.get_running_loop().time() - started >= 0.3
    assert (ended.state, ended.redriven) == (JobState.DONE, 3)
    assert await desk.letters.count(Filter()) == 2


async def killed_with_letters_claimed(desk: Desk) -> list[str]:
    """Kills a redrive at the first moment after it took a chunk."""
    for moment in count():
        await desk.clear()
        ids = await five_letters(desk)
        await desk.order()
        with pytest.raises(Killed):
            await desk.redriving(Fate(moment)).run("first")
        if len(await desk.letters.claimed("first")) == 2:
            return ids
    raise AssertionError


async def test_cancelled_it_stops_and_can_be_cancelled_after_a_kill(desk: Desk) -> None:
    ids = await killed_with_letters_claimed(desk)
    assert sent(desk) == []
    await desk.redrives.ask_to_cancel("first", "olga")
    ended = await run_again(desk)
    assert (ended.state, ended.cancel_by, ended.redriven) == (JobState.CANCELLED, "olga", 0)
    assert await desk.letters.count(Filter()) == LETTERS
    assert await desk.redrives.ask_to_cancel("first", "olga") is None

    await desk.order("second")
    await desk.redriving().run("second")
    assert [name for name, _ in sent(desk)] == ids


async def test_what_cannot_be_sent_waits_and_says_why(desk: Desk) -> None:
    large = replace(dead_record(2), value=b"x" * 3000)
    await desk.bury(dead_record(0), dead_record(1), large)
    desk.kafka.begins[f"{TOPIC}.dead", 0] = 1
    await desk.order()
    ended = await desk.redriving(most_bytes=2000).run("first")
    assert (ended.state, ended.redriven, ended.failed) == (JobState.DONE, 1, 2)
    waiting = {each.offset: each.unsendable for each in await desk.letters.page(Filter(), 10)}
    assert waiting == {0: TAKEN, 2: TOO_LARGE}
    assert await desk.letters.count(Filter(sendable=True)) == 0


async def test_a_letter_of_a_partition_that_is_not_there_fails_alone(desk: Desk) -> None:
    stray = dead_record(1)
    headers = [pair for pair in stray.headers if pair[0] != "frontline-dead-partition"]
    await desk.bury(
        replace(stray, headers=(*headers, ("frontline-dead-partition", b"7"))), dead_record(2)
    )
    await desk.order()
    ended = await desk.redriving().run("first")
    assert (ended.state, ended.redriven, ended.failed) == (JobState.DONE, 1, 1)
    [waiting] = await desk.letters.page(Filter(), 10)
    assert (waiting.partition, waiting.unsendable) == (7, NOWHERE)


async def test_a_record_that_another_has_the_place_of_is_gone(desk: Desk) -> None:
    await desk.bury(dead_record(1))
    desk.kafka.logs[f"{TOPIC}.dead", 0].clear()
    desk.kafka.bury(dead_record(2))
    await desk.order()
    assert (await desk.redriving().run("first")).failed == 1
    [waiting] = await desk.letters.page(Filter(), 10)
    assert (waiting.offset, waiting.unsendable) == (1, REPLACED)


async def test_a_record_that_is_not_there_yet_is_asked_for_again(desk: Desk) -> None:
    await desk.bury(dead_record(1), dead_record(2))
    log = desk.kafka.logs[f"{TOPIC}.dead", 0]
    behind = log.pop()
    await desk.order()
    with pytest.raises(Unavailable, match="no record yet at partition 0 offset 1"):
        await desk.redriving().run("first")
    log.append(behind)
    ended = await desk.redriving().run("first")
    assert (ended.redriven, ended.failed) == (2, 0)


async def test_letters_far_apart_are_read_one_by_one(desk: Desk) -> None:
    for number in range(120):
        desk.kafka.bury(dead_record(number))
    await desk.index.catch_up()
    only = Filter(ids=(letter_of(0).id, letter_of(119).id))
    await desk.order(only=only)
    assert (await desk.redriving().run("first")).redriven == 2
    assert len(sent(desk)) == 2
    assert await desk.redrives.unfinished(likeness(only), None, None) is None
