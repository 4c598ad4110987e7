"""One process: its name, health and metrics; serves until a signal, drains, and exits."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from importlib import metadata
from pathlib import Path
from socket import gethostname, socket
from types import FrameType
from typing import TypeVar

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from services.runtime.errors import Unavailable
from services.runtime.health import Health
from services.runtime.logs import configure_logs
from services.runtime.metrics import Metrics
from services.runtime.mongo import Client, UnsafeDatabase, check_safety
from services.runtime.settings import EXIT_CONFIG, ProcessSettings, echo, read_settings
from services.runtime.tally import Tally

EXIT_STALLED = 70  # EX_SOFTWARE
_HEARTBEAT_SECONDS = 1.0
_HEARTBEAT_STALLED_SECONDS = 15.0
_MOST_RED_BEATS = 30
_DATABASE_RETRY_SECONDS = 1.0

log = structlog.get_logger(__name__)

Settings = TypeVar("Settings", bound=ProcessSettings)


class RefusedStart(Exception):  # noqa: N818 - says what the process does
    """Something only a person can mend keeps the process from its work; the message says what."""


class Process:
    """What the parts of a process share: who it is, how it is, and when it stops."""

    def __init__(self, name: str, version: str, port: int = 0) -> None:
        """`port` tells processes of one machine apart, and stays over a restart."""
        self.name = name
        self.version = version
        self.instance = f"{gethostname()}:{port or os.getpid()}"
        self.health = Health()
        self.metrics = Metrics()
        self.tallies: list[Tally] = []
        self.stopping = asyncio.Event()
        self.exit_code = 0

    def tally(self, topic: str, group: str, part: str) -> Tally:
        """A new tally of a consumer of this process; `part` is its name in `health`."""
        self.tallies.append(Tally(topic, group, part))
        return self.tallies[-1]

    def fail(self, reason: str, exit_code: int) -> None:
        """Ends the process in order; for what no retry can mend."""
        log.critical("process cannot go on", action="fail", reason=reason)
        self.exit_code = exit_code
        os.kill(os.getpid(), signal.SIGTERM)

    @asynccontextmanager
    async def guarded_database(
        self, client: Client, settings: ProcessSettings
    ) -> AsyncIterator[None]:
        """Checks the database's safety, now or as soon as it answers, and closes it at the end."""
        self.health.not_ready("mongo", "not reached yet")
        task = asyncio.create_task(self._check_database(client, settings))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            client.close()

    async def _check_database(self, client: Client, settings: ProcessSettings) -> None:
        while True:
            try:
                await check_safety(client, settings.mode)
            except Unavailable as error:
                self.health.not_ready("mongo", str(error))
            except UnsafeDatabase as error:
                self.fail(str(error), EXIT_CONFIG)
                return
            else:
                self.health.ready("mongo")
            await asyncio.sleep(_DATABASE_RETRY_SECONDS)

    async def beat(self) -> None:
        """Marks that the event loop comes round, and ends a process that has long stood still:
        whoever supervises it starts it again.
        """
        progress = self.health.watch("event_loop", _HEARTBEAT_STALLED_SECONDS)
        red_beats = 0
        while not self.stopping.is_set():
            progress.mark()
            alive, ages = self.health.liveness()
            red_beats = 0 if alive else red_beats + 1
            if red_beats > _MOST_RED_BEATS:
                self.fail(f"no progress, seconds since each loop came round: {ages}", EXIT_STALLED)
                return
            await asyncio.sleep(_HEARTBEAT_SECONDS)


class _Server(uvicorn.Server):
    """Tells the process that it stops before it waits for open requests: streams end themselves."""

    def __init__(self, config: uvicorn.Config, process: Process) -> None:
        super().__init__(config)
        self._process = process
        self._loop = asyncio.get_running_loop()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Starts to listen, and says where."""
        await super().startup(sockets)
        if self.started:
            log.info("serving", action="serve", host=self.config.host, port=self.config.port)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._process.stopping.set)
        super().handle_exit(sig, frame)


def service_version() -> str:
    """The version of what runs: set at build time, else that of the checkout."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version("frontline")
    return os.environ.get("FRONTLINE_VERSION", "") or _checkout_version()


def _checkout_version() -> str:
    project = Path(__file__).parents[2] / "pyproject.toml"
    for line in project.read_text().splitlines() if project.exists() else ():
        if line.startswith("version = "):
            return line.split('"')[1]
    return "unknown"


def run(
    name: str,
    settings_type: type[Settings],
    build_app: Callable[[Settings, Process], ASGIApp],
    tell_refusal: Callable[[Settings, Process, str], Awaitable[None]],
) -> None:
    """Runs a service until SIGTERM or SIGINT; exits with its code.

    Where `build_app` raises `RefusedStart`, `tell_refusal` gets the reason, and the
    process exits with 78 (EX_CONFIG).
    """
    settings = read_settings(settings_type)
    version = service_version()
    configure_logs(name, settings.log_level, settings.log_format, version)
    collect_garbage_seldom()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        raise SystemExit(runner.run(_serve(name, version, settings, build_app, tell_refusal)))


def collect_garbage_seldom() -> None:
    """Leaves what was imported out of garbage collection, and collects by tens of thousands.

    A batch is thousands of objects that live together: by default each batch is walked through many
    times, which took a third of a consumer's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def _serve(
    name: str,
    version: str,
    settings: Settings,
    build_app: Callable[[Settings, Process], ASGIApp],
    tell_refusal: Callable[[Settings, Process, str], Awaitable[None]],
) -> int:
    process = Process(name, version, settings.http_port)
    log.info("starting", action="start", settings=echo(settings))
    try:
        app = build_app(settings, process)
    except RefusedStart as error:
        log.critical("process refuses to start", action="start", reason=str(error))
        await tell_refusal(settings, process, str(error))
        return EXIT_CONFIG
    server = _Server(
        uvicorn.Config(
            app,
            host=settings.http_host,
            port=settings.http_port,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
            h11_max_incomplete_event_size=65_536,
        ),
        process,
    )
    heartbeat = asyncio.create_task(process.beat())
    for each in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has drained: by then there is nothing to end
        signal.signal(each, lambda *_: None)
    try:
        await server.serve()
    finally:
        heartbeat.cancel()
    log.info("stopped", action="stop", exit_code=process.exit_code)
    return process.exit_code if server.started else process.exit_code or 1
