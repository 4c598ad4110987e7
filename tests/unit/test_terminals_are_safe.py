"""Nothing that a stranger wrote steers the terminal of an operator, in tables, lines or JSON."""

import json
from datetime import UTC, datetime

import pytest
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from services.console.cli import trace
from services.console.cli.screen import SafeConsole, Screen
from services.console.cli.tables import table
from services.console.cli.verify import _line as fault_line
from services.console.journey import Step
from services.console.verification.fault import Fault, FaultKind
from services.runtime.plain_text import escape, steers

HOSTILE = "a\x1b]0;owned\x07b\x9b2Jc\u202ed\u2066e\u200ff\x7fg\u200bh\x08\x0b\x0c\ri[red]j"
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")


def shown(made: RenderableType) -> str:
    console = SafeConsole()
    with console.capture() as caught:
        console.print(made)
    return caught.get()


@pytest.mark.parametrize(
    "made",
    [
        table(("Why", "By"), [(HOSTILE, "x"), ("y", HOSTILE)]),
        table((HOSTILE,), [("x",)]),
        Text(HOSTILE),
        Group(Text(HOSTILE, style="bold"), HOSTILE),
        *trace._lines([Step(NOON, HOSTILE, service=HOSTILE, detail=HOSTILE)]),
        HOSTILE,
    ],
    ids=["cells", "head", "text", "group", "day", "journey", "string"],
)
def test_what_is_shown_only_prints(made: RenderableType) -> None:
    out = shown(made)
    assert out.replace("\n", "").isprintable(), repr(out)


def test_cells_show_what_was_there_and_keep_their_columns() -> None:
    lines = shown(table(("Why", "By"), [(HOSTILE, "x"), ("y", "z")])).splitlines()
    assert "a\\u001b]0;owned\\u0007b\\u009b2Jc\\u202ed\\u2066e" in lines[3]
    assert "[red]" in lines[3]
    assert lines[3].rstrip().rindex("x") == lines[4].rstrip().rindex("z")


def test_what_is_said_and_a_fault_are_one_safe_line(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(as_json=False)
    screen.say(f"two\nlines {HOSTILE}")
    fault = Fault(FaultKind.STUCK, HOSTILE, feedback_id=HOSTILE, reference=HOSTILE, subject=HOSTILE)
    screen.out.print(fault_line(fault), soft_wrap=True)
    captured = capsys.readouterr()
    assert captured.err.removesuffix("\n").isprintable()
    assert captured.out.removesuffix("\n").isprintable()


def test_json_keeps_every_character_and_sends_none_raw(capsys: pytest.CaptureFixture[str]) -> None:
    text = f"{HOSTILE} \U000e0041 damp ½ € \N{WOMAN}"
    Screen(as_json=True).show_json({"reason": text})
    [line] = capsys.readouterr().out.splitlines()
    assert line.isprintable()
    assert "½ € \N{WOMAN}" in line
    assert "\\u009b" in line
    assert json.loads(line) == {"reason": text}


def test_a_screen_that_is_redrawn_keeps_its_own_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console = SafeConsole()
    console._force_terminal = True
    with console.capture() as caught, Live(console=console, screen=True, auto_refresh=False) as on:
        on.update(Text(HOSTILE), refresh=True)
    assert "\x1b[?1049h" in caught.get()
    assert "\x1b]0;owned" not in caught.get()
    assert "\x9b" not in caught.get()


@pytest.mark.parametrize(
    "char", "\x00\x07\x1b\n\x7f\x80\x9b\x9f\u061c\u200e\u200f\u202a\u202e\u2066\u2069"
)
def test_what_steers_is_known(char: str) -> None:
    assert steers(f"a{char}b")
    assert escape(f"a{char}b") == f"a\\u{ord(char):04x}b"


def test_what_people_write_does_not_steer() -> None:
    assert not steers("Llanfair, £\N{NO-BREAK SPACE}40 \N{WOMAN}\N{ZERO WIDTH JOINER}\N{BOY} مرحبا")
