"""Waits for a condition with a deadline, instead of sleeping for luck."""

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from time import monotonic
from typing import Any


async def until(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    """Returns the condition's first true value, awaited where it has to be; fails with `what`."""
    deadline = monotonic() + seconds
    while True:
        value = condition()
        if isawaitable(value):
            value = await value
        if value:
            return value
        assert monotonic() < deadline, f"waited {seconds:g} s for {what}"
        await asyncio.sleep(0.02)
