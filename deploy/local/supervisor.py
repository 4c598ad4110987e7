"""Keeps servers running: starts them, restarts one that dies or stands still, drains them."""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from dataclasses import dataclass
from threading import Event, Thread

from deploy.local.errors import CannotStart
from deploy.local.server import Server

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait before what, in seconds."""

    look: float = 0.25
    first_restart: float = 1.0
    longest_restart: float = 30.0
    steady: float = 60.0  # a server that ran for so long starts at the first wait again
    ask_health: float = 5.0
    unhealthy: float = 30.0  # a server that says so for so long is killed


class Supervisor:
    """Servers in the order of their start; they are stopped in the opposite order."""

    def __init__(self, say: Say, patience: Patience | None = None) -> None:
        self._say = say
        self._patience = patience or Patience()
        self._servers: list[Server] = []
        self._threads: list[Thread] = []
        self._stopping = Event()

    @property
    def has_started(self) -> bool:
        """Whether there is anything to stop."""
        return bool(self._servers)

    def start(self, *servers: Server) -> None:
        """Starts these side by side and returns when all are ready.

        Raises `CannotStart` of the first one that is not; `stop` ends the others.
        """
        starts: list[Future[None]] = []
        for server in servers:
            started: Future[None] = Future()
            thread = Thread(
                target=self._keep, args=(server, started), name=f"keep {server.name}", daemon=True
            )
            self._servers.append(server)
            self._threads.append(thread)
            starts.append(started)
            thread.start()
        for started in wait(starts, return_when=FIRST_EXCEPTION).done:
            started.result()

    def stop(self) -> None:
        """Ends what is being started, then drains and stops the others one after the other."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        for server in reversed(self._servers):
            if not server.stop():
                self._say(f"{server.name} did not stop in time and was killed")

    def _keep(self, server: Server, started: "Future[None]") -> None:
        try:
            server.start(self._stopping)
        except Exception as error:  # noqa: BLE001 - handed over to the thread that waits for it
            started.set_exception(error)
            return
        started.set_result(None)
        self._watch(server)

    def _watch(self, server: Server) -> None:
        pause, since = self._patience.first_restart, time.monotonic()
        while reason := self._trouble(server):
            if time.monotonic() - since > self._patience.steady:
                pause = self._patience.first_restart
            self._say(f"{server.name} {reason}; it is started again in {pause:g} s")
            if self._stopping.wait(pause):
                return
            pause = min(pause * 2, self._patience.longest_restart)
            if self._restarted(server):
                self._say(f"{server.name} runs again")
                since = time.monotonic()

    def _restarted(self, server: Server) -> bool:
        try:
            server.restart(self._stopping)
        except CannotStart as error:
            if not self._stopping.is_set():
                self._say(str(error))
            return False
        return True

    def _trouble(self, server: Server) -> str | None:
        """Waits until it dies or stands still and says which; None when we are stopping."""
        asked = healthy = time.monotonic()
        while not self._stopping.wait(self._patience.look):
            if not server.alive():
                return f"is down ({server.ending()})"
            now = time.monotonic()
            if now - asked >= self._patience.ask_health:
                asked = now
                healthy = now if server.healthy() else healthy
            if now - healthy > self._patience.unhealthy:
                server.kill()
                server.stop()
                return f"stood still for {self._patience.unhealthy:g} s and was killed"
        return None
