"""Lanes keep the order of a key, finish before they return, and let an outage win."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import pytest

from services.runtime.errors import Permanent, Unavailable
from services.runtime.lanes import handle_in_lanes

Item = tuple[str, int]


def key(item: Item) -> str:
    return item[0]


async def test_items_of_one_key_share_a_lane_and_keep_their_order() -> None:
    items = [(f"key-{n % 7}", n) for n in range(100)]
    seen: dict[str, list[int]] = defaultdict(list)

    async def handle(share: Sequence[Item]) -> None:
        for name, number in share:
            await asyncio.sleep(0)
            seen[name].append(number)

    await handle_in_lanes(items, key, handle, lanes=4)
    assert sum(map(len, seen.values())) == 100
    assert all(numbers == sorted(numbers) for numbers in seen.values())


async def test_lanes_run_side_by_side() -> None:
    running = most = 0

    async def handle(share: Sequence[Item]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    await handle_in_lanes([(f"key-{n}", n) for n in range(100)], key, handle, lanes=4)
    assert most == 4
    assert running == 0


async def test_an_outage_wins_over_a_failure_of_another_lane() -> None:
    async def handle(share: Sequence[Item]) -> None:
        if any(number == 0 for _, number in share):
            raise Permanent("this record")
        await asyncio.sleep(0)
        raise Unavailable("no primary")

    async def handle_together(share: Sequence[Item]) -> None:
        try:
            await handle(share)
        except Permanent:
            await asyncio.sleep(0.001)
            raise

    with pytest.raises(Unavailable):
        await handle_in_lanes([(f"k{n}", n) for n in range(50)], key, handle_together, lanes=4)


async def test_nothing_runs_on_after_a_failed_lane() -> None:
    running = 0

    async def handle(share: Sequence[Item]) -> None:
        nonlocal running
        running += 1
        try:
            if any(number == 0 for _, number in share):
                raise Permanent("this record")
            await asyncio.sleep(30)
        finally:
            running -= 1

    with pytest.raises(Permanent):
        await handle_in_lanes([(f"k{n}", n) for n in range(50)], key, handle, lanes=4)
    assert running == 0


async def test_a_small_batch_is_handled_in_one_call() -> None:
    calls: list[Sequence[Item]] = []

    async def handle(share: Sequence[Item]) -> None:
        calls.append(share)

    await handle_in_lanes([("a", 1), ("b", 2)], key, handle, lanes=4)
    assert calls == [[("a", 1), ("b", 2)]]
