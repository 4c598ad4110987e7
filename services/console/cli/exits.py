"""Decides how a command ends: its exit code, and the one line that says why."""

from pathlib import Path
from traceback import extract_tb

from services.console.errors import Busy, NotAllowed, NotFound, Refusal
from services.runtime.errors import ConsumeError, Unavailable
from services.runtime.settings import EXIT_CONFIG

GOOD = 0
FAULTS = 1  # looked and found faults, or a job ended with failures
USAGE = 2
NOT_FOUND = 66  # EX_NOINPUT
AWAY = 69  # EX_UNAVAILABLE
FAULT_OF_OURS = 70  # EX_SOFTWARE
BUSY = 75  # EX_TEMPFAIL
NOT_ALLOWED = 77  # EX_NOPERM
SETTINGS = EXIT_CONFIG
INTERRUPTED = 130  # as a shell counts SIGINT
READER_GONE = 141  # as a shell counts SIGPIPE


def explain(error: Exception) -> tuple[int, str]:
    """The exit code that an exception means, and one line for the person at the terminal."""
    if isinstance(error, NotFound):
        return NOT_FOUND, str(error)
    if isinstance(error, NotAllowed):
        return NOT_ALLOWED, str(error)
    if isinstance(error, Busy):
        return BUSY, str(error)
    if isinstance(error, Refusal):
        return USAGE, str(error)
    if isinstance(error, Unavailable):
        return AWAY, f"{error}. {_where(str(error))}"
    if isinstance(error, ConsumeError):
        return FAULT_OF_OURS, str(error)
    if wrong_words := getattr(error, "format_message", None):  # the parser's, its class is private
        return USAGE, f"{wrong_words()} Add --help to see what is possible."
    return FAULT_OF_OURS, f"{type(error).__qualname__} at {_place(error)}: a fault of Frontline's"


def _where(message: str) -> str:
    setting = "MONGO_URL" if message.startswith("MongoDB") else "KAFKA_SERVERS"
    return f"Start it, or set FRONTLINE_{setting} to where it is"


def _place(error: Exception) -> str:
    frames = extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "no place"
