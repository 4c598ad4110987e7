"""Options that several commands have, said once."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts in place of a table.")]
Reason = Annotated[
    str, typer.Option("--reason", help="Why; kept in the audit. Never name a person.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]
