"""How tables and times look in a terminal."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from rich import box
from rich.table import Table
from rich.text import Text


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A plain table; numbers stand on the right, no cell is read as markup, and the first column,
    by which a line is known, is never broken.
    """
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    lines = [list(row) for row in rows]
    for at, column in enumerate(columns):
        numeric = bool(lines) and all(isinstance(line[at], int | float) for line in lines)
        side: Literal["left", "right"] = "right" if numeric else "left"
        made.add_column(column, justify=side, overflow="fold", no_wrap=at == 0)
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
    return Text(f"{value:,}" if isinstance(value, int) else str(value))


def moment(at: datetime) -> str:
    """A time to the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}Z"
