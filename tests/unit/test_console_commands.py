"""Each operators' command has help with an example, a known exit code, and starts lightly."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from services.console.api.problems import problem_of
from services.console.cli import exits
from services.console.cli.__main__ import main
from services.console.cli.app import COMMANDS
from services.console.errors import Busy, Conflict, Ended, NotAllowed, NothingMatched, WrongInput
from services.console.operations.redrives import RunElsewhere
from services.runtime.errors import Permanent, Unavailable


def every_command() -> Iterator[tuple[str, ...]]:
    for command in COMMANDS:
        if not command.verbs:
            yield (command.name,)
        for verb in command.verbs:
            yield (command.name, verb)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")


def test_the_root_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == exits.GOOD
    shown = capsys.readouterr().out
    for command in COMMANDS:
        assert command.name in shown
        assert command.help in shown
    assert "FRONTLINE_OPERATOR_KEY" in shown
    for code in (exits.FAULTS, exits.USAGE, exits.NOT_FOUND, exits.AWAY, exits.BUSY):
        assert f" {code} " in shown


@pytest.mark.parametrize("words", list(every_command()), ids=" ".join)
def test_every_command_has_help_with_an_example(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == exits.GOOD
    shown = capsys.readouterr().out
    assert f"frontline {' '.join(words)}" in shown.split("Usage:")[1].partition("\n")[2]
    assert "Example" in shown
    assert "--json" in shown or words == ("watch",)


@pytest.mark.parametrize("words", [["statsu"], ["keys"], ["keys", "lits"], ["keys", "list", "--x"]])
def test_wrong_words_end_with_two_and_one_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == exits.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "--help" in said.err


@pytest.mark.parametrize("words", [["trace", "caf\udce9"], ["\udcff"], ["keys", "\ud800\x1b[2J"]])
def test_bytes_that_are_no_text_end_with_two_and_one_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == exits.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"Word {len(words)} of the command is not UTF-8: type it anew\n"


def test_what_was_typed_is_said_without_steering(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stat\x1b[2Jus"]) == exits.USAGE
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("words", [("verify",)], ids=" ".join)
def test_options_that_take_times_say_in_which_zone(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == exits.GOOD
    shown = capsys.readouterr().out
    times = [line for line in shown.splitlines() if "TIME" in line]
    assert times
    assert all("UTC" in line for line in times)


@pytest.mark.parametrize(
    ("error", "status"),
    [(Ended("x"), 409), (Conflict("x"), 409), (RunElsewhere("x"), 409), (WrongInput("x"), 422)],
    ids=repr,
)
def test_what_cannot_be_as_things_are_is_a_conflict(error: Exception, status: int) -> None:
    assert problem_of(error).status == status


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (NothingMatched("No dead letter matches"), 66, "No dead letter"),
        (WrongInput("Give a reason"), 2, "Give a reason"),
        (Ended("Key x has ended"), 2, "has ended"),
        (Conflict("Key x is the last"), 2, "the last"),
        (Busy("Another process runs it"), 75, "Another process"),
        (RunElsewhere("Another process runs it"), 75, "Another process"),
        (NotAllowed("Set a key"), 77, "Set a key"),
        (Unavailable("MongoDB: AutoReconnect"), 69, "FRONTLINE_MONGO_URL"),
        (Unavailable("Kafka: KafkaConnectionError"), 69, "FRONTLINE_KAFKA_SERVERS"),
        (Permanent("a record is larger than Kafka accepts"), 70, "larger"),
        (KeyError("SPOKEN WORDS"), 70, "KeyError"),
    ],
    ids=repr,
)
def test_every_error_has_its_code_and_one_line(error: Exception, code: int, said: str) -> None:
    found, line = exits.explain(error)
    assert found == code
    assert said in line
    assert "\n" not in line
    assert "SPOKEN" not in line


def complete(words: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-m", "services.console.cli"],
        env=os.environ
        | {
            "_FRONTLINE_COMPLETE": "complete_bash",
            "COMP_WORDS": f"frontline {words}",
            "COMP_CWORD": str(len(words.split(" "))),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ended.stdout.split()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("dead", ["dead-letters"]),
        ("keys ro", ["rotate"]),
        ("keys create --role ch", ["charity"]),
        ("pause cl", ["classifier"]),
    ],
)
def test_a_shell_completes_commands_options_and_stages(typed: str, offered: list[str]) -> None:
    assert complete(typed) == offered


def test_a_command_imports_no_other_command() -> None:
    program = (
        "import sys; from services.console.cli.__main__ import main; main(['keys', '--help']);"
        "sys.exit('services.console.cli.status' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=60)
