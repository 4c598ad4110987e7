"""`verify`: names what is unaccounted for, doubled or stuck."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

import typer
from rich.console import Group
from rich.text import Text

from services.console.cli import exits
from services.console.cli.options import AsJson
from services.console.cli.session import Session, run
from services.console.cli.tables import moment, table
from services.console.operations.verification import Verification
from services.console.operations.verification import verify as verify_period
from services.console.periods import read_duration, read_time
from services.console.verification.fault import Fault

Value = TypeVar("Value")


def verify(
    since: Annotated[
        str,
        typer.Option(help="Begin so long ago, or at this time, UTC.", metavar="DURATION|TIME"),
    ] = "24h",
    until: Annotated[
        datetime | None,
        typer.Option(parser=read_time, metavar="TIME", help="End at this time, UTC; else now."),
    ] = None,
    settle: Annotated[
        str,
        typer.Option(
            help="Leave out what is younger; what waits for longer is stuck.", metavar="DURATION"
        ),
    ] = "60s",
    leases: Annotated[
        str,
        typer.Option(
            help="Name an item whose lease expired so long ago, if nobody received it again.",
            metavar="DURATION",
        ),
    ] = "1h",
    as_json: AsJson = False,
) -> None:
    """Compares receipts, topics, queues and dead letters, and names every item that is
    unaccounted for, doubled or stuck. Exits 1 when there is any.

    With --json: a line `{"fault": …}` for each as it is found, then `{"verification": …}`.

    Example: `frontline verify --since 24h`, `frontline verify --since 7d --json`
    """
    begin = _read("--since", since, _read_beginning)
    settled = _read("--settle", settle, read_duration)
    grace = _read("--leases", leases, read_duration)

    async def work(session: Session) -> int:
        screen = session.screen

        def tell(fault: Fault) -> None:
            if as_json:
                screen.show_json({"fault": fault})
            else:
                screen.out.print(_line(fault), soft_wrap=True)

        with screen.progress("verifying") as report:
            result = await verify_period(
                session.connections,
                begin,
                until,
                settled,
                grace,
                found=tell,
                progress=report,
            )
        screen.show({"verification": result}, lambda _: _whole(result))
        return exits.GOOD if result.sound else exits.FAULTS

    run(work, as_json=as_json)


def _read_beginning(text: str) -> datetime | timedelta:
    return read_time(text) if "-" in text else read_duration(text)


def _read(option: str, text: str, read: Callable[[str], Value]) -> Value:
    try:
        return read(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _line(fault: Fault) -> Text:
    """One line: what is wrong, with which item, and what to do."""
    words = [fault.kind, fault.reference, fault.feedback_id, fault.subject]
    named = " ".join(word for word in words if word)
    since = f" (since {moment(fault.since)})" if fault.since else ""
    return Text(f"{named}: {fault.detail}{since}")


def _whole(result: Verification) -> Group:
    settle = result.settle.total_seconds()
    head = (
        f"{moment(result.since)} to {moment(result.until)}, {result.receipts:,} receipts and"
        f" {result.records:,} records read in {result.took.total_seconds():.1f} s;"
        f" younger than {settle:g} s left out"
    )
    notes = f"{result.republished:,} records published more than once, which is no fault"
    if result.foreign:
        notes += f"; {result.foreign:,} records whose key is no feedback id"
    rows: list[tuple[str, str, int]] = [
        *(("receipts", name, number) for name, number in result.outcomes.items()),
        *(("queue items", name, number) for name, number in result.queue_items.items()),
        *(("dead letters", name, number) for name, number in result.dead_letters.items()),
        *(("faults", name, number) for name, number in result.faults.items()),
    ]
    verdict = "Everything is accounted for." if result.sound else "Faults were found."
    return Group(Text(head), table(("What", "State", "Number"), rows), Text(notes), Text(verdict))
