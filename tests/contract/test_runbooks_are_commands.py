"""Runbooks begin with a command, and each command of theirs and the README's can be typed."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from services.console.cli.app import build_app

ROOT = Path(__file__).parents[2]
RUNBOOKS = sorted(
    path for path in (ROOT / "deploy" / "runbooks").glob("*.md") if path.name != "README.md"
)
PAGES = [*RUNBOOKS, ROOT / "README.md"]
COMMAND = get_command(build_app(None))
IN_A_SENTENCE = re.compile(r"`frontline ([^`]*)`")


def in_blocks(page: str) -> list[str]:
    """The lines of code blocks that run the operators' command line."""
    lines = [
        line
        for block in re.findall(r"```\n(.*?)```", page, re.DOTALL)
        for line in block.splitlines()
    ]
    return [
        line.removeprefix("$ ").removeprefix("frontline ").partition("   #")[0]
        for line in lines
        if line.removeprefix("$ ").startswith("frontline ")
    ]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_of_a_page_can_be_typed(path: Path) -> None:
    page = path.read_text()
    sentences = [
        each for each in IN_A_SENTENCE.findall(page.replace("\n", " ")) if "…`" not in each
    ]
    commands = [*in_blocks(page), *sentences]
    assert commands
    for each in commands:
        words = shlex.split(re.sub(r"\s+", " ", each))
        try:
            parse(words)
        except typer.Exit:  # --help
            continue


def parse(words: list[str]) -> None:
    """Reads a command as the terminal would, without running it."""
    command, context = COMMAND, None
    while True:
        context = command.make_context(words[0] if words else "frontline", list(words), context)
        if not hasattr(command, "get_command"):
            return
        rest = [*context._protected_args, *context.args]
        command = command.get_command(context, rest[0])
        assert command is not None, f"there is no command {rest[0]}"
        words = rest[1:]


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.name)
def test_a_runbook_begins_with_the_command_that_shows_it(path: Path) -> None:
    title, _, rest = path.read_text().partition("\n\n")
    assert title.startswith("# ")
    assert re.match(r"```\nfrontline [a-z-]+", rest), "the first thing is a command"


def test_every_runbook_is_on_the_list() -> None:
    listed = (ROOT / "deploy" / "runbooks" / "README.md").read_text()
    assert all(f"({path.name})" in listed for path in RUNBOOKS)
