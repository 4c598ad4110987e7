"""`trace`."""

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.console.cli.options import AsJson
from services.console.cli.session import Session, run
from services.console.cli.tables import table
from services.console.journey import Journey, standing, tell
from services.console.operations.trace import trace_item
from services.deadletters.showing import show_bytes


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
    ]
    parts: list[RenderableType] = [Text("\n".join(head)), _steps(journey)]
    if journey.text is not None:
        parts.append(Text(show_bytes(journey.text.encode())))
    return Group(*parts)


def _steps(journey: Journey) -> Table:
    return table(
        ("When", "What", "Waited", "Took", "Service", "Version", "Where", "Tries", "More"),
        (
            (
                f"{step.at:%Y-%m-%d %H:%M:%S}.{step.at.microsecond // 1000:03}Z",
                step.what,
                _seconds(step.waited),
                _seconds(step.took),
                step.service,
                step.version,
                step.place,
                "" if step.attempts is None else step.attempts,
                step.detail,
            )
            for step in tell(journey)
        ),
    )


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:,.3f} s"
