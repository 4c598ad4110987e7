"""What keeps a consumer from reading: a dependency that is away, an open fuse, or a person."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from services.runtime.background import Background
from services.runtime.controls import Control, Controls
from services.runtime.errors import Unavailable, describe
from services.runtime.fuse import Fuse

_POLL_SECONDS = 1.0

CONTROL = "control"
DEPENDENCY = "dependency"
FUSE = "fuse"
PAUSED = "paused"
OF_PEOPLE = frozenset({FUSE, PAUSED})

log = structlog.get_logger(__name__)


class Holds(Background):
    """The causes that hold one consumer, with their reasons; it reads while there is none.

    An async context manager: with `controls`, it holds until they were read once, then looks each
    second. While they cannot be read what was last wanted stays. An open fuse is kept there, so
    that a process which starts again finds it open, and so do the other processes of the group.
    """

    def __init__(
        self,
        group: str,
        fuse: Fuse,
        controls: Controls | None,
        process: str,
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called when a cause comes or goes; `process` opens the fuse."""
        self._group = group
        self._fuse = fuse
        self._controls = controls
        self._process = process
        self._changed = changed
        self._unsaved_fuse: str | None = None
        self._woken = asyncio.Event()
        self.causes: dict[str, str] = {}
        if controls is not None:
            self.causes[CONTROL] = "waits to read whether it may run"

    def __bool__(self) -> bool:
        """Whether anything holds the consumer."""
        return bool(self.causes)

    def set(self, cause: str, reason: str) -> None:
        """Holds for this cause."""
        if self.causes.get(cause) != reason:
            self.causes[cause] = reason
            self._changed()

    def clear(self, cause: str) -> None:
        """This cause is gone."""
        if self.causes.pop(cause, None) is not None:
            self._changed()

    def open_fuse(self, reason: str) -> None:
        """The fuse opened in this process: it holds at once, and is kept as soon as can be."""
        self._unsaved_fuse = reason
        self.set(FUSE, f"the fuse is open: {reason}")
        self._woken.set()

    async def _run(self) -> None:
        while self._controls is not None:
            self._woken.clear()
            try:
                if self._unsaved_fuse is not None:
                    await self._controls.open_fuse(self._group, self._unsaved_fuse, self._process)
                    self._unsaved_fuse = None
                control = await self._controls.read(self._group)
            except Exception as error:
                if not isinstance(error, Unavailable):
                    log.exception("controls cannot be read", action="control", group=self._group)
                if CONTROL in self.causes:
                    self.set(CONTROL, f"waits to read whether it may run: {describe(error)}")
            else:
                self._obey(control)
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._woken.wait()

    def _obey(self, control: Control) -> None:
        if control.paused is not None:
            self.set(PAUSED, f"paused by {control.paused.by}: {control.paused.reason}")
        elif PAUSED in self.causes:
            log.info("resumed", action="resume", group=self._group)
            self.clear(PAUSED)
        if control.fuse is not None:
            self.set(FUSE, f"the fuse is open: {control.fuse.reason}")
        elif self._unsaved_fuse is None and FUSE in self.causes:
            log.info("fuse reset", action="fuse", group=self._group)
            self._fuse.reset()
            self.clear(FUSE)
        self.clear(CONTROL)
