"""A server that runs as a child process: start until ready, stop, hold still, kill."""

import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event

from deploy.local.child import Child
from deploy.local.errors import CannotStart
from deploy.local.waiting import wait_until

START_SECONDS = 60.0
STOP_SECONDS = 20.0
HOLD_SECONDS = 5.0


class Server(ABC):
    """Start and stop may be called in turn, from any thread, as often as one likes."""

    def __init__(
        self,
        name: str,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self.name = name
        self.log = log
        self._environment = environment
        self._folder = folder
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
        return self._child.ending() if self._child else "did not come up"

    def healthy(self) -> bool:
        """Whether it makes progress; a server that cannot tell is taken to."""
        return True

    def start(self, cancelled: Event | None = None) -> None:
        """Starts it and returns when it is ready; does nothing when it runs already.

        Raises `CannotStart` with the end of its log, or when `cancelled` is set before it is ready;
        then nothing of it is left running.
        """
        self._start_until(self._ready, cancelled or Event())

    def restart(self, cancelled: Event) -> None:
        """Starts it again after its death, when what it depends on may be down as well."""
        self._start_until(self._up, cancelled)

    def _up(self) -> bool:
        return self._ready()

    def _start_until(self, condition: Callable[[], bool], cancelled: Event) -> None:
        if self.alive():
            return
        command = self._prepare()
        if cancelled.is_set():
            raise CannotStart(f"{self.name} was not started: we are stopping")
        self._child = child = Child(command, self.log, self._environment, self._folder)

        def decided() -> bool:
            return cancelled.is_set() or not child.alive() or condition()

        in_time = wait_until(decided, self._start_seconds, 0.1)
        if in_time and child.alive() and not cancelled.is_set():
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
        """Holds the process still: its connections stay, its answers do not come.

        Returns when it stands: its threads on another core go on for a moment after the signal.
        """
        self._signal(signal.SIGSTOP)
        if self._child is not None and not wait_until(self._child.held, HOLD_SECONDS):
            raise RuntimeError(f"{self.name} does not hold still")

    def resume(self) -> None:
        """Lets a held process go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kills the process where it stands."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.signal(number)
