"""One reader serves every live stream, misses nothing, and never waits for a slow client."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from services.departments.stream_log import Entry, Interest, Positions, read_cursor
from services.departments.tail import Tail
from services.runtime.errors import Unavailable
from services.runtime.health import Health
from tests.waiting import until

ALL = Interest("DWP")


def entry(offset: int, partition: int = 0, area: str = "housing", **changes: object) -> Entry:
    fields: dict[str, object] = {
        "event_id": f"{partition}/{offset}",
        "event": f'{{"n":{offset}}}',
        "areas": (area,),
        "holders": ("MHCLG",),
        "sensitive": False,
        "partition": partition,
        "offset": offset,
    }
    return Entry(**(fields | changes))  # type: ignore[arg-type]


class MemoryLog:
    """A log in memory that counts its readings, and can be away."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.marks: dict[int, int] = {}
        self.reads = 0
        self.away = False

    async def append(self, entries: Sequence[Entry]) -> None:
        self.entries += entries
        for each in entries:
            self.marks[each.partition] = max(each.offset + 1, self.marks.get(each.partition, 0))

    async def watermarks(self) -> dict[int, int]:
        if self.away:
            raise Unavailable("MongoDB: away")
        return dict(self.marks)

    async def read(self, partition: int, start: int, end: int, limit: int) -> list[Entry]:
        self.reads += 1
        await asyncio.sleep(0)
        inside = [e for e in self.entries if e.partition == partition and start <= e.offset < end]
        return sorted(inside, key=lambda each: each.offset)[:limit]

    async def can_resume(self, positions: Positions) -> bool:
        return True


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def tail(log: MemoryLog, health: Health) -> AsyncIterator[Tail]:
    async with Tail(log, 0.01, 5, health) as running:
        await running.reach({}, 5)
        yield running


async def test_a_listener_gets_what_comes_after_it_joined(log: MemoryLog, tail: Tail) -> None:
    await log.append([entry(0)])
    await tail.reach({0: 1}, 5)
    with tail.listen(ALL) as listener:
        await log.append([entry(1), entry(3)])
        tail.nudge()
        text = (await listener.frames(5)).decode()
    blocks = [block.splitlines() for block in text.split("\n\n") if block]
    assert [block[2] for block in blocks] == ['data: {"n":1}', 'data: {"n":3}']
    cursors = [read_cursor(block[0].removeprefix("id: ")) for block in blocks]
    assert cursors == [{0: 2}, {0: 4}]


async def test_one_reading_serves_every_listener(log: MemoryLog, tail: Tail) -> None:
    listens = [tail.listen(ALL) for _ in range(100)]
    listeners = [each.__enter__() for each in listens]
    await log.append([entry(0)])
    tail.nudge()
    frames = await asyncio.gather(*[each.frames(5) for each in listeners])
    assert len(set(frames)) == 1
    assert log.reads == 1
    for each in listens:
        each.__exit__(None, None, None)
    assert tail.listeners == 0


async def test_listeners_get_their_areas_and_sensitive_items_only_their_holders(
    log: MemoryLog, tail: Tail
) -> None:
    with (
        tail.listen(Interest("MHCLG", frozenset({"housing"}))) as holder,
        tail.listen(Interest("DWP", frozenset({"housing", "transport"}))) as other,
    ):
        await log.append([entry(0, area="transport"), entry(1, sensitive=True), entry(2)])
        tail.nudge()
        held, seen = await holder.frames(5), await other.frames(5)
    assert (b'"n":0' in held, b'"n":1' in held, b'"n":2' in held) == (False, True, True)
    assert (b'"n":0' in seen, b'"n":1' in seen, b'"n":2' in seen) == (True, False, True)


async def test_a_slow_listener_is_ended_and_holds_nobody_up(log: MemoryLog, tail: Tail) -> None:
    with tail.listen(ALL) as slow, tail.listen(ALL) as quick:
        for offset in range(7):
            await log.append([entry(offset)])
            tail.nudge()
            assert await quick.frames(5)
        assert slow.ended
        assert not quick.ended
        kept = (await slow.frames(5)).decode()
    assert [f'"n":{offset}' in kept for offset in range(7)] == [True] * 5 + [False] * 2


async def test_silence_gives_nothing(tail: Tail) -> None:
    with tail.listen(ALL) as listener:
        assert await listener.frames(0.01) == b""
        assert not listener.ended


async def test_closing_ends_those_who_listen_and_those_who_come(tail: Tail) -> None:
    with tail.listen(ALL) as listener:
        waiting = asyncio.create_task(listener.frames(20))
        await asyncio.sleep(0)
        tail.close()
        assert await asyncio.wait_for(waiting, 5) == b""
        assert listener.ended
    with tail.listen(ALL) as late:
        assert late.ended


async def test_an_outage_turns_readiness_red_and_loses_nothing(
    log: MemoryLog, tail: Tail, health: Health
) -> None:
    with tail.listen(ALL) as listener:
        log.away = True
        await until(lambda: not health.readiness()[0], "red")
        await log.append([entry(0)])
        log.away = False
        assert b'"n":0' in await listener.frames(5)
    await until(lambda: health.readiness()[0], "green")


async def test_a_place_that_the_tail_does_not_reach_in_time_is_an_outage(tail: Tail) -> None:
    with pytest.raises(Unavailable):
        await tail.reach({0: 99}, 0.05)
