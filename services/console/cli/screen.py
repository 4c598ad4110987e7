"""What a command writes: answers on stdout for people or scripts, everything else on stderr."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pydantic_core import to_json
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment

from services.runtime.plain_text import escape, escape_json

Answer = TypeVar("Answer")
Report = Callable[[float, float | None], None]


class SafeConsole(Console):
    """Writes out whatever would steer the terminal, wherever it comes from, and reads no markup;
    leaves it to the command's end that nobody reads on, as after `| head`.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(highlight=False, emoji=False, markup=False, stderr=stderr)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """What is shown, piece by piece; all that this console writes comes through here."""
        for piece in super().render(renderable, options):
            if piece.control:  # our own, as of a bar that is redrawn
                yield piece
            else:
                yield Segment(escape(piece.text, keep="\n"), piece.style)

    def on_broken_pipe(self) -> None:
        """Is called while the error is being handled."""
        raise BrokenPipeError


class Screen:
    """Tables for people, or JSON where `as_json` is set."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.out = SafeConsole()
        self.err = SafeConsole(stderr=True)

    def show(self, answer: Answer, render: Callable[[Answer], RenderableType]) -> None:
        """Writes an operation's answer: its fields as one JSON document, or as it is rendered."""
        if self.as_json:
            self.show_json(answer)
        else:
            self.out.print(render(answer))

    def show_json(self, answer: object) -> None:
        r"""Writes one line of JSON; times are ISO 8601, durations seconds, and what does not print
        is `\u009b`.
        """
        document = to_json(answer, timedelta_mode="float").decode()
        sys.stdout.write(escape_json(document) + "\n")
        sys.stdout.flush()

    def say(self, line: str) -> None:
        """Tells the person something that is not the answer."""
        self.err.print(escape(line), soft_wrap=True)

    def forget_reader(self) -> None:
        """Lets what is still to be written vanish, so that Python ends without a complaint."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    @contextmanager
    def progress(self, doing: str, total: float | None = None) -> Iterator[Report]:
        """A progress bar on stderr, where that is a terminal. Yields `report(done, total)`."""
        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=self.err,
            transient=True,
            disable=not self.err.is_terminal,
            redirect_stdout=self.out.is_terminal,  # a file gets what is written to it
        )
        with bar:
            task = bar.add_task(doing, total=total)

            def report(done: float, of: float | None = None) -> None:
                bar.update(task, completed=done, total=of if of is not None else total)

            yield report
