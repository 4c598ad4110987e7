"""How tables, times and numbers look in a terminal."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from services.runtime.plain_text import escape

_WIDE = 10_000


class Figure(str):
    """A number with its unit, or an age, as a cell: never broken, as its half would be misread."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Fitting:
    """A table that leaves columns out, the first of `spare` first, until its numbers stand whole
    in whatever it is shown in.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    spare: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The widest form that fits, else the narrowest."""
        form = table(self.columns, self.rows)
        for number in range(1, len(self.spare) + 1):
            if console.measure(form, options=options.update(width=_WIDE)).minimum <= (
                options.max_width
            ):
                break
            form = self._without(self.spare[:number])
        yield form

    def _without(self, spared: Collection[str]) -> Table:
        kept = [at for at, column in enumerate(self.columns) if column not in spared]
        return table(
            [self.columns[at] for at in kept], [[row[at] for at in kept] for row in self.rows]
        )


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A plain table; numbers stand on the right, no cell is read as markup. The first column, by
    which a line is known, and numbers are never broken.
    """
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    lines = [list(row) for row in rows]
    for at, column in enumerate(columns):
        values = [line[at] for line in lines if line[at] not in (None, "")]
        numeric = bool(values) and all(isinstance(value, int | float | Figure) for value in values)
        side: Literal["left", "right"] = "right" if numeric else "left"
        whole = at == 0 or numeric
        cells = [_cell(line[at]).cell_len for line in lines]
        made.add_column(
            column,
            justify=side,
            overflow="fold",
            no_wrap=whole,
            min_width=max(cells, default=0) if whole else None,
        )
    for line in lines:
        made.add_row(*(_cell(value) for value in line))
    return made


def _cell(value: object) -> Text:
    if value is None:
        return Text("")
    if isinstance(value, datetime):
        return Text(moment(value))
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    return Text(f"{value:,}" if isinstance(value, int) else escape(str(value)))


def moment(at: datetime) -> str:
    """A time to the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def short(number: float) -> str:
    """A number in at most seven characters: `3.2`, `3,333`, `200,000`, `1.2M`, `31M`."""
    for size, unit in ((1e9, "G"), (1e6, "M")):
        if round(number) >= size:
            many = number / size
            return f"{many:.1f}{unit}" if many < 10 else f"{many:,.0f}{unit}"
    return f"{number:,.0f}"
