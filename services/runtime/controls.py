"""What people want of a consumer, and its fuse: kept outside the process, so that it stays."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Mark:
    """Why something is as it is, by whom, and since when."""

    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Control:
    """The wanted state of one consumer group: `paused` by a person, `fuse` open by a process."""

    group: str
    paused: Mark | None = None
    fuse: Mark | None = None


class Controls(Protocol):
    """Where controls are kept. Every call raises `Unavailable` while it does not answer."""

    async def read(self, group: str) -> Control:
        """The control of a group; one that nobody has touched wants it to run."""
        ...

    async def open_fuse(self, group: str, reason: str, by: str) -> None:
        """Keeps that the fuse is open, until a person resets it; one that is open stays as it is.

        `by` is the process that opened it.
        """
        ...
