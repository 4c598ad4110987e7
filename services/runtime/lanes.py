"""Handles a batch in lanes side by side: one lane computes while another waits for the database."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from zlib import crc32

from services.runtime.errors import Unavailable

Item = TypeVar("Item")


async def handle_in_lanes(
    items: Sequence[Item],
    key: Callable[[Item], str],
    handle: Callable[[Sequence[Item]], Awaitable[None]],
    lanes: int,
) -> None:
    """Returns when every lane is done. Items of one key share a lane and keep their order.

    When lanes fail, the others are ended first; an outage wins over other errors, because it keeps
    the batch.
    """
    if lanes == 1 or len(items) < 2 * lanes:
        await handle(items)
        return
    shares: list[list[Item]] = [[] for _ in range(lanes)]
    for item in items:
        shares[crc32(key(item).encode()) % lanes].append(item)
    try:
        async with asyncio.TaskGroup() as group:
            for share in shares:
                if share:
                    group.create_task(_run(handle, share))
    except BaseExceptionGroup as failures:
        raise _weightiest(failures) from failures


async def _run(handle: Callable[[Sequence[Item]], Awaitable[None]], share: list[Item]) -> None:
    await handle(share)


def _weightiest(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    for failure in failures.exceptions:
        if isinstance(failure, Unavailable | OSError):
            return failure
    return failures.exceptions[0]
