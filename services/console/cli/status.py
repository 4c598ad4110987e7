"""`status` and `watch`."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from services.console.cli import exits
from services.console.cli.options import AsJson
from services.console.cli.session import KeyCheck, Session, run
from services.console.cli.tables import Figure, Fitting, moment, short, table
from services.console.notice import Urgency
from services.console.operations.status import FIRST_COUNT_SECONDS, PipelineView
from services.console.periods import length
from services.console.pipeline import Condition, PipelineStatus, StageStatus
from services.runtime.plain_text import escape

_COLOURS = {Urgency.NOW: "bold red", Urgency.SOON: "yellow", Urgency.NOTE: "default"}

Departments = Annotated[
    bool, typer.Option("--all", "-a", help="Departments whose queues are empty, too.")
]
Check = Annotated[
    bool, typer.Option("--check", help="End with 1 when anything needs a person now, as a probe.")
]


def status(everything: Departments = False, check: Check = False, as_json: AsJson = False) -> None:
    """How the pipeline is, what needs a person first.

    Answers while Kafka or MongoDB is away, with what is known without it, and then ends with 69.
    Else it ends with 0, whatever it says; with --check with 1 when anything is marked NOW:
    feedback does not flow. Waits up to 20 s where deep queues have to be counted.

    Examples:

    `frontline status --json`

    `frontline status --check`
    """

    async def work(session: Session) -> int:
        async with PipelineView(session.connections) as view:
            found = await view.read(FIRST_COUNT_SECONDS)
            session.screen.show(found, lambda each: render(each, everything))
            if found.mongo.problem is None:
                await view.finish_count()
        return _outcome(found, check)

    run(work, as_json=as_json, key=KeyCheck.UNLESS_AWAY)


def watch(
    every: Annotated[float, typer.Option(min=0.2, max=3_600, help="Seconds between looks.")] = 1.0,
    looks: Annotated[int, typer.Option(min=0, help="Stop after so many looks; 0: never.")] = 0,
    everything: Departments = False,
    as_json: AsJson = False,
) -> None:
    """The status, redrawn each second until Ctrl-C; with --json a line for each look.

    Example: `frontline watch --every 5`
    """

    async def work(session: Session) -> None:
        async with PipelineView(session.connections) as view:
            if as_json or not session.screen.out.is_terminal:
                async for found in _looks(view, every, looks):
                    session.screen.show(found, lambda each: render(each, everything))
                return
            with Live(console=session.screen.out, auto_refresh=False, screen=True) as live:
                async for found in _looks(view, every, looks):
                    live.update(render(found, everything), refresh=True)

    run(work, as_json=as_json, key=KeyCheck.UNLESS_AWAY)


def _outcome(found: PipelineStatus, check: bool) -> int:
    if found.kafka.problem or found.mongo.problem:
        return exits.AWAY
    now = any(notice.urgency is Urgency.NOW for notice in found.attention)
    return exits.FAULTS if check and now else exits.GOOD


async def _looks(view: PipelineView, every: float, looks: int) -> AsyncIterator[PipelineStatus]:
    """Looks at even intervals, each from the end of the last where that takes longer."""
    clock = asyncio.get_running_loop().time
    due, seen = clock(), 0
    while True:
        yield await view.read()
        seen += 1
        if seen == looks:
            return
        due = max(due + every, clock())
        await asyncio.sleep(due - clock())


def render(found: PipelineStatus, everything: bool) -> RenderableType:
    """The status for people."""
    return Group(
        Text(f"Frontline at {moment(found.at)}", style="bold"),
        *_attention(found),
        _stages(found),
        *_stores(found),
        *_departments(found, everything),
    )


def _attention(found: PipelineStatus) -> Iterator[RenderableType]:
    if not found.attention:
        yield Text("Nothing needs a person.", style="green")
        return
    for notice in found.attention:
        line = Text(f"{notice.urgency.upper():5}", style=_COLOURS[notice.urgency])
        line.append(f" {escape(notice.about)}", style="bold")
        line.append(f" {escape(notice.what)}\n      → {escape(notice.do)}", style="default")
        yield line


def _stages(found: PipelineStatus) -> Fitting:
    """One line a stage; a terminal of 80 columns may be too narrow for versions."""
    rows = [
        (
            stage.name,
            _condition(stage),
            _rate(stage.arriving),
            _rate(stage.rate),
            _number(stage.lag),
            _age(stage.oldest_seconds),
            _number(stage.dead),
            _age(stage.progress_seconds),
            _versions(stage),
        )
        for stage in found.stages
    ]
    columns = ("Stage", "Is", "In/s", "Out/s", "Lag", "Oldest", "Dead", "Polled", "Version")
    return Fitting(columns, rows, spare=("Version", "Polled"))


def _versions(stage: StageStatus) -> str:
    """The versions that run, and in how many processes where it is not one."""
    number = "" if stage.instances < 2 else f" in {stage.instances}"
    return ", ".join(stage.versions) + number


def _condition(stage: StageStatus) -> str:
    """What the stage is at, in a word or two."""
    held = [word for word, mark in (("fuse open", stage.fuse), ("paused", stage.paused)) if mark]
    if stage.condition is not Condition.RUNNING:
        return ", ".join([str(stage.condition), *held])
    if held:
        return ", ".join(held)
    return str(stage.condition) if stage.ready else "not ready"


def _stores(found: PipelineStatus) -> Iterator[Text]:
    for each in (found.kafka, found.mongo):
        yield Text(f"{each.name}: {each.problem or 'answers'}")
    if found.disk is not None:
        yield Text(f"Disk of MongoDB's data: {found.disk.share:.0%} full")
    outbox = found.outbox
    if outbox is not None:
        number = f"{outbox.receipts:,}{' or more' if outbox.most else ''}"
        oldest = f", the oldest for {_age(outbox.oldest_seconds)}" if outbox.receipts else ""
        yield Text(f"Outbox: {number}{oldest}")
    if found.dead_letters is not None:
        waiting = [f"{each.topic} {each.waiting:,}" for each in found.dead_letters if each.waiting]
        yield Text(f"Dead letters that wait: {', '.join(waiting) or 'none'}")


def _departments(found: PipelineStatus, everything: bool) -> Iterator[RenderableType]:
    if found.departments is None or found.counted_at is None:
        if found.mongo.problem is None:
            yield Text("Queues: counting them took too long; ask again in a while", style="dim")
        return
    rows = [
        (
            each.department,
            each.slug,
            _number(each.waiting),
            _number(each.in_flight),
            _number(each.dead),
            _age(each.oldest_seconds),
        )
        for each in found.departments
        if everything or each.waiting or each.in_flight or each.dead
    ]
    if rows:
        yield table(("Queue", "Department", "Waiting", "Leased", "Dead", "Oldest"), rows)
    old = (found.at - found.counted_at).total_seconds()
    counted = f"Queues counted {length(old)} ago" if old >= 1 else "Queues counted just now"
    yield Text(counted if rows else f"Every queue is empty. {counted}", style="dim")


def _age(seconds: float | None) -> Figure | None:
    return None if seconds is None else Figure(length(seconds))


def _number(number: int | None) -> Figure | None:
    return None if number is None else Figure(short(number))


def _rate(rate: float | None) -> Figure | None:
    if rate is None:
        return None
    return Figure(f"{rate:.1f}" if rate < 10 else short(rate))
