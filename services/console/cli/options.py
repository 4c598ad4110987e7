"""Options that several commands have, said once."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from services.console.periods import read_duration, read_time

AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts in place of a table.")]
Reason = Annotated[
    str, typer.Option("--reason", help="Why; kept in the audit. Never name a person.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]
Duration = Annotated[timedelta, typer.Option(parser=read_duration, metavar="DURATION")]
Moment = Annotated[datetime, typer.Option(parser=read_time, metavar="TIME")]
