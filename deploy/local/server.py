"""A server that runs as a child process: start until ready, stop, hold still, kill."""

import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.child import Child
from deploy.local.errors import CannotStart
from deploy.local.waiting import wait_until

START_SECONDS = 60.0
STOP_SECONDS = 20.0


class Server(ABC):
    """Start and stop may be called in turn, from any thread, as often as one likes."""

    def __init__(
        self,
        name: str,
        log: Path,
        environment: Mapping[str, str] | None = None,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self.name = name
        self.log = log
        self._environment = environment
        self._start_seconds = start_seconds
        self._child: Child | None = None

    @abstractmethod
    def _prepare(self) -> Sequence[str]:
        """Writes what the program needs and returns its command line."""

    @abstractmethod
    def _ready(self) -> bool:
        """Whether the started program does its work."""

    @property
    def pid(self) -> int | None:
        """The process id, if it was started."""
        return self._child.pid if self._child else None

    def alive(self) -> bool:
        """Whether its process runs."""
        return self._child is not None and self._child.alive()

    def ending(self) -> str:
        """How its process ended, in words."""
        return self._child.ending() if self._child else "not started"

    def start(self) -> None:
        """Starts it and returns when it is ready; does nothing when it runs already.

        Raises `CannotStart` with the end of its log, and leaves nothing running.
        """
        if self.alive():
            return
        self._child = child = Child(self._prepare(), self.log, self._environment)
        ready = wait_until(lambda: not child.alive() or self._ready(), self._start_seconds, 0.1)
        if ready and child.alive():
            return
        ending = f"not ready after {self._start_seconds:.0f} s" if child.alive() else child.ending()
        self.stop()
        raise CannotStart(
            f"{self.name} did not start ({ending}). The end of {self.log}:\n{child.last_lines()}"
        )

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """SIGTERM, after `seconds` SIGKILL; returns whether it left by itself."""
        child, self._child = self._child, None
        return child is None or child.stop(seconds)

    def pause(self) -> None:
        """Holds the process still: its connections stay, its answers do not come."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a held process go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kills the process where it stands."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.signal(number)
