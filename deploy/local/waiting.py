"""Waits for a condition with a deadline."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
    """Asks `condition` until it holds or `seconds` are over; returns whether it held.

    An exception from `condition` ends the wait and passes through.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True
