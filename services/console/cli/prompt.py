"""Asks whoever sits at the terminal before something is changed."""

import sys

import typer

from services.console.cli.screen import Screen
from services.console.errors import WrongInput


def agreed(screen: Screen, question: str, yes: bool) -> bool:
    """Whether to do it; with `yes` nobody is asked. Raises `WrongInput` where nobody can be."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise WrongInput("Nobody is there to ask: add --yes to do it, or --dry-run to look only")
    if typer.confirm(question, err=True):
        return True
    screen.say("Nothing was changed.")
    return False
