"""Logs: one structlog event per unit of work, JSON for machines, columns for people."""

import logging
import logging.config
import sys
from pathlib import Path
from traceback import extract_tb
from typing import Any

import structlog

_MOST_LINKS = 5
_MOST_FRAMES = 8


def configure_logs(service: str, level: str, form: str, version: str) -> None:
    """Sends structlog's and the standard library's records to stdout in one form.

    `form` is `json`, `console` or `auto` (console on a terminal).
    """
    renderer: Any = structlog.processors.JSONRenderer()
    if form == "console" or (form == "auto" and sys.stdout.isatty()):
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_process(service, version),
        _name_exceptions,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # the access log says nothing that our own wide line does not, and costs a tenth of a request
    logging.getLogger("uvicorn.access").disabled = True
    for library in ("aiokafka", "pymongo", "uvicorn"):
        logging.getLogger(library).setLevel(logging.WARNING)
    # it warns at each start that topics are not created for it, which is as we want it
    logging.getLogger("faststream").setLevel(logging.ERROR)


def _name_exceptions(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Writes an exception as classes and places, without messages: a driver's message can quote a
    whole document, and with it a person's words.
    """
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["exception"] = " <- ".join(_chain(error))
    return event


def _chain(error: BaseException | None) -> list[str]:
    links: list[str] = []
    while error is not None and len(links) < _MOST_LINKS:
        frames = extract_tb(error.__traceback__)[-_MOST_FRAMES:]
        places = ", ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames)
        links.append(f"{type(error).__qualname__} at {places or 'no frame'}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return links


def _name_process(service: str, version: str) -> Any:
    def name(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        event.setdefault("service", service)
        event.setdefault("version", version)
        return event

    return name
