"""A loop that runs beside the rest for as long as its context lasts."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Self


class Background(ABC):
    """An async context manager around `_run`, which is cancelled when the context ends."""

    _background: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._background = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    @abstractmethod
    async def _run(self) -> None:
        """Comes round until it is cancelled; whatever it does survives that at any point."""

    async def _end(self) -> None:
        """Returns when the loop has ended; raises what it ended with, if not by us."""
        if self._background is None:
            return
        self._background.cancel()
        with suppress(asyncio.CancelledError):
            await self._background
