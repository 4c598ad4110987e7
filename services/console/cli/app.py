"""Which commands there are: the one place where each is registered.

Only the module of the command that is asked for is imported, so that a command starts at once.
A function registered here takes its options as arguments annotated for Typer, and ends with
`services.console.cli.session.run`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import typer

_CLI = "services.console.cli."
_EPILOG = (
    "Needs an operator's key in FRONTLINE_OPERATOR_KEY. Exit codes: 0 good · 1 faults were found ·"
    " 2 wrong usage · 66 not found · 69 Kafka or MongoDB is away · 75 another process has it in"
    " hand, try later · 77 key refused · 78 settings · 130 interrupted. Times are UTC."
)


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `function` of `module`, or a group of `verbs`, each a function of it."""

    name: str
    help: str
    module: str
    function: str = ""
    verbs: Mapping[str, str] = field(default_factory=dict)


COMMANDS = (
    Command("status", "How the pipeline is, what needs a person first.", "status", "status"),
    Command("watch", "The same, redrawn each second.", "status", "watch"),
    Command("trace", "Each hop of one item, by reference or id.", "trace", "trace"),
    Command(
        "dead-letters",
        "Records and queue items that were given up.",
        "dead_letters",
        verbs={
            "list": "list_letters",
            "show": "show_letter",
            "redrive": "redrive_letters",
            "discard": "discard_letters",
            "redrives": "list_redrives",
            "cancel": "cancel_redrive",
        },
    ),
    Command("verify", "Names what is unaccounted for, doubled or stuck.", "verify", "verify"),
    Command("pause", "Stops a stage from reading on.", "stages", "pause"),
    Command("resume", "Lets a paused stage go on.", "stages", "resume"),
    Command(
        "fuse",
        "Stages that stopped themselves.",
        "stages",
        verbs={"show": "show_fuses", "reset": "reset_fuse"},
    ),
    Command(
        "keys",
        "Keys of organisations, departments and operators.",
        "keys",
        verbs={
            "create": "create_key",
            "list": "list_keys",
            "rotate": "rotate_key",
            "revoke": "revoke_key",
        },
    ),
    Command("organisations", "Charities that have keys.", "keys", "organisations"),
    Command("departments", "Departments, and which have keys.", "keys", "departments"),
    Command(
        "audit",
        "Who changed what, when and why.",
        "audit",
        verbs={"list": "list_entries", "check": "check_entries"},
    ),
)


def build_app(wanted: str | None) -> typer.Typer:
    """The application, with the command `wanted` in full and the others by their help alone;
    None: all in full.
    """
    app = typer.Typer(
        name="frontline",
        help="See and mend the pipeline from a terminal.",
        epilog=_EPILOG,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    app.callback()(_frontline)
    for command in COMMANDS:
        if wanted in (None, command.name):
            _add(app, command)
        else:
            app.command(command.name, help=command.help)(_not_loaded)
    return app


def _frontline() -> None:
    """The root has no options of its own."""


def _not_loaded() -> None:
    """Stands for a command that was not asked for."""


def _add(app: typer.Typer, command: Command) -> None:
    module = import_module(_CLI + command.module)
    if not command.verbs:
        _register(app, command.name, getattr(module, command.function))
        return
    group = typer.Typer(
        name=command.name, help=command.help, no_args_is_help=False, rich_markup_mode="markdown"
    )
    group.callback()(_frontline)
    for verb, function in command.verbs.items():
        _register(group, verb, getattr(module, function))
    app.add_typer(group, help=command.help)


def _register(app: typer.Typer, name: str, function: Callable[..., Any]) -> None:
    app.command(name)(function)
