"""`trace`."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.console.cli.options import AsJson
from services.console.cli.session import Session, run
from services.console.journey import Journey, Step, standing, tell
from services.console.operations.trace import trace_item
from services.console.periods import length
from services.deadletters.showing import show_bytes
from services.runtime.plain_text import escape


def trace(
    item: Annotated[
        str, typer.Argument(metavar="REFERENCE|ID", help="As the charity has it, or its id.")
    ],
    text: Annotated[
        bool, typer.Option("--text", help="Also what was written: for a key that reads text.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why the text is read; kept in the audit.")] = "",
    as_json: AsJson = False,
) -> None:
    """Each hop of one item: when, how long, by which service, where in Kafka, on whose queue.

    Examples:

    `frontline trace Q3NYCFNS`

    `frontline trace Q3NYCFNS --text --reason "the charity asks what arrived"`
    """

    async def work(session: Session) -> None:
        journey = await trace_item(
            session.connections, item, operator=session.operator, text=text, reason=reason
        )
        for gap in journey.gaps:
            session.screen.say(gap)
        session.screen.show(journey, _show)

    run(work, as_json=as_json)


def _show(journey: Journey) -> RenderableType:
    head = [
        f"{journey.reference or 'no receipt'}  {journey.id}",
        f"organisation {journey.organisation or 'unknown'}, trace {journey.trace_id or 'unknown'}",
        standing(journey),
        "",
    ]
    parts: list[RenderableType] = [Text("\n".join(map(escape, head))), *_lines(tell(journey))]
    if journey.text is not None:
        parts.append(Text("\n" + show_bytes(journey.text.encode())))
    return Group(*parts)


def _lines(steps: Sequence[Step]) -> Iterator[RenderableType]:
    """A line for each step, its details below; each day is named where it begins."""
    for day, some in groupby(steps, lambda step: step.at.date()):
        yield Text(f"{day:%Y-%m-%d}, UTC", style="dim")
        lines = Table.grid(padding=(0, 2))
        for style in ("", "bold"):
            lines.add_column(no_wrap=True, style=style)
        lines.add_column(overflow="fold")
        for step in some:
            facts = Text(escape(", ".join(_facts(step))))
            if step.detail:
                facts.append("\n" if facts else "").append(escape(step.detail), style="dim")
            time = f"{step.at:%H:%M:%S}.{step.at.microsecond // 1000:03}"
            lines.add_row(Text(time), Text(escape(step.what)), facts)
        yield lines


def _facts(step: Step) -> Iterator[str]:
    if step.waited is not None:
        yield f"waited {length(step.waited)}"
    if step.took is not None:
        yield f"took {length(step.took)}"
    if step.service:
        yield f"{step.service} {step.version}".strip()
    if step.place:
        yield step.place
    if step.attempts is not None and step.attempts > 1:
        yield f"{step.attempts} tries"
