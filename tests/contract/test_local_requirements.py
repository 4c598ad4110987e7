"""The requirement files pin what pyproject.toml asks for, by hash, and name no place to get it."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {"run": (), "demo": ("local",), "dev": ("local", "dev"), "train": ("train",)}
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)")


def text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()


def pins(name: str) -> dict[str, set[str]]:
    """The versions of each package; more than one where Python versions differ."""
    found: dict[str, set[str]] = {}
    for line in text(name).splitlines():
        if pin := PIN.match(line):
            found.setdefault(pin[1], set()).add(pin[2])
    return found


def asked_for(name: str) -> set[str]:
    lines = [*PROJECT["dependencies"]]
    for extra in EXTRAS[name]:
        lines += PROJECT["optional-dependencies"][extra]
    names = {re.split(r"[\[<>=~!; ]", line, maxsplit=1)[0].lower() for line in lines}
    return {one.replace("_", "-") for one in names} - {PROJECT["name"]}


@pytest.mark.parametrize("name", EXTRAS)
def test_everything_that_is_asked_for_is_pinned(name: str) -> None:
    assert asked_for(name) <= set(pins(name))


@pytest.mark.parametrize("name", EXTRAS)
def test_each_pin_has_a_hash_and_nothing_else_is_in_the_file(name: str) -> None:
    blocks = re.split(r"^(?=[a-z0-9])", text(name), flags=re.MULTILINE)
    assert blocks.pop(0) == ""
    for block in blocks:
        first, *hashes = [line.rstrip("\\").strip() for line in block.splitlines()]
        assert PIN.match(first), first
        assert hashes, first
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), first


@pytest.mark.parametrize("name", ["run", "demo"])
def test_tests_run_on_the_versions_that_are_shipped(name: str) -> None:
    tested = pins("dev")
    assert {package: tested.get(package) for package in pins(name)} == pins(name)
