"""`pause`, `resume` and `fuse`."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated

import typer
from rich.table import Table

from services.console.cli.options import AsJson, Reason
from services.console.cli.session import Session, run
from services.console.cli.tables import moment, table
from services.console.operations import stages
from services.console.operations.stages import StageControl
from services.runtime.controls import Mark
from services.stages.stage import STAGES


def _complete(typed: str) -> list[tuple[str, str]]:
    return [(each.name, each.does) for each in STAGES if each.name.startswith(typed)]


StageName = Annotated[
    str,
    typer.Argument(
        metavar="STAGE",
        help=f"One of {', '.join(each.name for each in STAGES)}.",
        autocompletion=_complete,
    ),
]
Change = Callable[..., Awaitable[StageControl]]


def pause(stage: StageName, reason: Reason, as_json: AsJson = False) -> None:
    """Stops a stage from reading on, within a second and after its open batch; nothing is lost.

    Example: `frontline pause router --reason "departments are moving house"`
    """
    _change(stages.pause_stage, stage, reason, as_json, "is paused", "is paused")


def resume(stage: StageName, reason: Reason, as_json: AsJson = False) -> None:
    """Lets a paused stage go on where it stopped.

    Example: `frontline resume router --reason "they have moved"`
    """
    _change(stages.resume_stage, stage, reason, as_json, "goes on", "was not paused")


def show_fuses(as_json: AsJson = False) -> None:
    """Which stages stopped themselves, or were stopped, since when and why.

    Example: `frontline fuse show`
    """

    async def work(session: Session) -> None:
        session.screen.show(await stages.list_controls(session.connections), _controls)

    run(work, as_json=as_json)


def reset_fuse(stage: StageName, reason: Reason, as_json: AsJson = False) -> None:
    """Closes the fuse of a stage, once what opened it is mended; what was rewound is read again.

    Example: `frontline fuse reset classifier --reason "the model is put back"`
    """
    _change(stages.reset_fuse, stage, reason, as_json, "has its fuse closed", "had no open fuse")


def _change(
    change: Change, stage: str, reason: str, as_json: bool, changed: str, unchanged: str
) -> None:
    async def work(session: Session) -> None:
        found = await change(session.connections, stage, operator=session.operator, reason=reason)
        if as_json:
            session.screen.show_json(found)
        else:
            session.screen.say(f"{found.stage} {changed if found.changed else unchanged}.")

    run(work, as_json=as_json)


def _controls(rows: Iterable[StageControl]) -> Table:
    return table(
        ("Stage", "Fuse", "Paused", "Because"),
        (
            (row.stage, _since("open", row.fuse), _since("paused", row.paused), _because(row))
            for row in rows
        ),
    )


def _since(state: str, mark: Mark | None) -> str:
    return f"{state} since {moment(mark.at)}" if mark else ""


def _because(row: StageControl) -> str:
    return "; ".join(f"{mark.reason} ({mark.by})" for mark in (row.fuse, row.paused) if mark)
