"""Speaks to the person at the terminal: moving progress there, plain lines into a file or pipe."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

PLAIN_EVERY_SECONDS = 2.0
PLAIN_WIDTH = 120

Advance = Callable[[int, str], None]
"""Told how many are done, and the name of the last one."""


class Terminal:
    """Lines, steps and counts; may be used from several threads."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        if not self._console.is_terminal:
            self._console.width = PLAIN_WIDTH

    def say(self, text: str) -> None:
        """Prints a line, or several, as they are."""
        self._console.print(text, markup=False, soft_wrap=True)

    def show(self, what: RenderableType) -> None:
        """Prints a table."""
        self._console.print(what)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Says what is being done, then how long it took."""
        started = time.monotonic()
        if self._console.is_terminal:
            with self._console.status(title):
                yield
        else:
            self.say(f"{title} …")
            yield
        self.say(f"{title}: done in {time.monotonic() - started:.1f} s")

    @contextmanager
    def counting(self, title: str, total: int) -> Iterator[Advance]:
        """Shows how many of `total` are done."""
        if self._console.is_terminal:
            with self._bar() as bar:
                task = bar.add_task(title, total=total, name="")
                yield lambda done, name: bar.update(task, completed=done, name=name)
                reached = int(bar.tasks[0].completed)
            if reached:  # the bar goes away, and a count that did not move is no news
                self.say(f"{title}: {reached} of {total}")
        else:
            yield self._plain_counter(title, total)

    def _bar(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[name]}"),
            console=self._console,
            transient=True,
        )

    def _plain_counter(self, title: str, total: int) -> Advance:
        printed_at, printed = -PLAIN_EVERY_SECONDS, -1

        def advance(done: int, name: str) -> None:
            nonlocal printed_at, printed
            now = time.monotonic()
            if done != printed and (done == total or now - printed_at >= PLAIN_EVERY_SECONDS):
                self.say(f"{title}: {done} of {total} {name}".rstrip())
                printed_at, printed = now, done

        return advance
