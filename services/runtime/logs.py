"""Logs: one structlog event per unit of work, JSON for machines, columns for people."""

import logging
import logging.config
import sys
from typing import Any

import structlog


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
        structlog.processors.format_exc_info,
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


def _name_process(service: str, version: str) -> Any:
    def name(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        event.setdefault("service", service)
        event.setdefault("version", version)
        return event

    return name
