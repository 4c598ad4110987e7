"""Runs one command: settings, connections, whose key it is, and how it ends."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

import structlog
import typer

from services.console.access import first_operator, known_operator, named_operator
from services.console.cli import exits
from services.console.cli.screen import Screen
from services.console.cli.settings import CommandLineSettings
from services.console.connections import Connections, open_connections
from services.console.operator import Operator
from services.runtime.errors import Unavailable
from services.runtime.metrics import Metrics
from services.runtime.settings import read_settings

_PATIENCE_SECONDS = 1.5


class KeyCheck(Enum):
    """Whether a command needs an operator's key."""

    ALWAYS = "always"
    UNLESS_AWAY = "while MongoDB is away, a key of the right form will do: for status and watch"
    BOOTSTRAP = "no key is needed for the first operator's, or where the glass is broken"


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with."""

    connections: Connections
    operator: Operator
    screen: Screen


Work = Callable[[Session], Awaitable[int | None]]


def run(work: Work, *, as_json: bool = False, key: KeyCheck = KeyCheck.ALWAYS) -> None:
    """Runs a command's work and ends the command with the exit code that it returns, else 0.

    Refusals and outages end it with one line on stderr. Ctrl-C cancels the work, which may tidy up.
    """
    settings = read_settings(CommandLineSettings)
    _silence_libraries()
    screen = Screen(as_json)
    try:
        code = asyncio.run(_run(work, settings, screen, key))
    except KeyboardInterrupt:
        code = exits.INTERRUPTED
    except BrokenPipeError:
        screen.forget_reader()
        code = exits.READER_GONE
    except Exception as error:  # noqa: BLE001 - the boundary: nobody at a terminal reads tracebacks
        code, line = exits.explain(error)
        screen.say(line)
    raise typer.Exit(code)


async def _run(work: Work, settings: CommandLineSettings, screen: Screen, key: KeyCheck) -> int:
    operator = None
    if key is KeyCheck.UNLESS_AWAY:
        settings, operator = await _who_is_looking(settings)
    async with open_connections(settings, Metrics()) as connections:
        acting = operator or await _who(connections, settings, key)
        return await work(Session(connections, acting, screen)) or exits.GOOD


async def _who_is_looking(
    settings: CommandLineSettings,
) -> tuple[CommandLineSettings, Operator]:
    """Who looks, and settings that do not wait long for a MongoDB that is away: the driver's
    threads would keep the command from ending.
    """
    patience = min(_PATIENCE_SECONDS, settings.mongo_timeout_seconds)
    impatient = settings.model_copy(update={"mongo_timeout_seconds": patience})
    async with open_connections(impatient, Metrics()) as connections:
        try:
            return settings, await known_operator(connections, _key(settings))
        except Unavailable:
            return impatient, named_operator(_key(settings))


async def _who(connections: Connections, settings: CommandLineSettings, key: KeyCheck) -> Operator:
    if key is KeyCheck.BOOTSTRAP:
        return await first_operator(connections, _key(settings), break_glass=settings.break_glass)
    return await known_operator(connections, _key(settings))


def _key(settings: CommandLineSettings) -> str | None:
    return settings.operator_key.get_secret_value() if settings.operator_key else None


def _silence_libraries() -> None:
    """What drivers log of an outage is said once, by the command, in its own words."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
