"""An exception is logged by its classes and places: its message can hold a person's words."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from services.runtime.logs import configure_logs

WORDS = "words said in confidence"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def fail() -> None:
    try:
        raise ValueError(WORDS)
    except ValueError as error:
        raise RuntimeError(WORDS) from error


@pytest.mark.parametrize("foreign", [False, True])
def test_exceptions_are_named_and_placed_and_not_quoted(
    foreign: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("test", "info", "json", "1")
    try:
        fail()
    except RuntimeError:
        if foreign:
            logging.getLogger("somebody").exception("it failed")
        else:
            structlog.get_logger("ours").exception("it failed", action="test")
    written = capsys.readouterr().out
    assert WORDS not in written
    event = json.loads(written)
    assert "RuntimeError at test_logs_quote_nobody.py" in event["exception"]
    assert "ValueError at" in event["exception"]
