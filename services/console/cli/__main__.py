"""The operators' command line: `python -m services.console.cli COMMAND`."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import typer
from typer.main import get_command

from services.console.cli import exits
from services.console.cli.app import build_app
from services.runtime.plain_text import escape

NAME = "frontline"
_COMPLETING = "_FRONTLINE_COMPLETE"


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    arguments = list(sys.argv[1:] if words is None else words)
    for number, word in enumerate(arguments, 1):
        if not _is_text(word):
            print(f"Word {number} of the command is not UTF-8: type it anew", file=sys.stderr)
            return exits.USAGE
    first = next((word for word in arguments if not word.startswith("-")), "")
    command = get_command(build_app(None if _COMPLETING in os.environ else first))
    try:
        code = command.main(arguments or ["--help"], NAME, _COMPLETING, standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return exits.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the boundary: nobody at a terminal reads tracebacks
        code, line = exits.explain(error)
        print(escape(line), file=sys.stderr)
    return int(code or 0)


def _is_text(word: str) -> bool:
    """Whether the terminal sent UTF-8: Python keeps other bytes as halves of characters."""
    return not any("\ud800" <= char <= "\udfff" for char in word)


def end(code: int) -> NoReturn:
    """Ends the process at once: the database driver's threads take half a second to notice."""
    with suppress(OSError):  # whoever read the output may be gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    end(main())
