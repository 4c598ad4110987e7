"""`pause`, `resume` and `fuse` on a real database: what stages will read, and the audit of it."""

import asyncio

import pytest

from services.runtime.controls import Control
from services.stages.control_store import MongoControls
from tests.console import CommandLine, command_line, give_key, open_database


@pytest.fixture
def run(mongo_url: str, mongo_database: str) -> CommandLine:
    async def make() -> str:
        database = open_database(mongo_url, mongo_database)
        try:
            return await give_key(database, "operator", "on-call")
        finally:
            database.client.close()

    made = command_line(mongo_url, mongo_database, topic_prefix="t.")
    made.key = asyncio.run(make())
    return made


def control(url: str, name: str, group: str, fuse: str = "") -> Control:
    async def read() -> Control:
        database = open_database(url, name)
        try:
            controls = MongoControls(database)
            if fuse:
                await controls.open_fuse(group, fuse, "router")
            return await controls.read(group)
        finally:
            database.client.close()

    return asyncio.run(read())


def test_a_stage_is_paused_and_goes_on_and_both_are_audited(
    run: CommandLine, mongo_url: str, mongo_database: str
) -> None:
    paused = run("pause", "router", "--reason", "they move house")
    assert paused.code == 0, paused.err
    mark = control(mongo_url, mongo_database, "t.router").paused
    assert mark is not None
    assert (mark.reason, mark.by) == ("they move house", "on-call")
    assert "they move house (on-call)" in run("fuse", "show").out

    assert run("resume", "router", "--reason", "moved", "--json").json()["changed"] is True
    assert control(mongo_url, mongo_database, "t.router").paused is None
    again = run("resume", "router", "--reason", "moved")
    assert again.code == 0
    assert "was not paused" in again.err
    entries = run("audit", "list", "--subject", "router", "--json").json()
    assert [each["action"] for each in entries] == ["stage.resume", "stage.pause"]


def test_an_open_fuse_is_shown_and_reset(
    run: CommandLine, mongo_url: str, mongo_database: str
) -> None:
    control(mongo_url, mongo_database, "t.router", fuse="20 of the last 31 records died")
    rows = {row["stage"]: row for row in run("fuse", "show", "--json").json()}
    assert rows["router"]["fuse"]["reason"] == "20 of the last 31 records died"
    assert rows["classifier"]["fuse"] is None
    assert run("fuse", "reset", "router", "--reason", "mended").code == 0
    assert control(mongo_url, mongo_database, "t.router").fuse is None
    assert "no open fuse" in run("fuse", "reset", "router", "--reason", "mended").err
    entries = run("audit", "list", "--json").json()
    assert [(each["action"], each["reason"]) for each in entries] == [("fuse.reset", "mended")]


def test_what_cannot_be_done_says_what_can(run: CommandLine) -> None:
    unknown = run("pause", "[bold]", "--reason", "r")
    assert (unknown.code, unknown.out) == (66, "")
    assert "'[bold]'" in unknown.err
    assert "tracking-routed" in unknown.err
    assert run("pause", "router").code == 2
    assert run("pause", "router", "--reason", "").code == 2
    assert run("audit", "list", "--json").json() == []
