"""`keys`, `organisations`, `departments` and `audit` on a real database, as commands are run."""

import asyncio
import os
import subprocess
from datetime import UTC, datetime

import pytest

from services.accounts.authentication import Authenticator, Credential
from services.accounts.key_store import MongoKeyStore
from services.accounts.keys import parse_key
from services.runtime.problem import Problem
from tests.console import CommandLine, command_line, give_key, open_database


@pytest.fixture
def without_key(mongo_url: str, mongo_database: str) -> CommandLine:
    return command_line(mongo_url, mongo_database)


@pytest.fixture
def run(mongo_url: str, mongo_database: str) -> CommandLine:
    made = command_line(mongo_url, mongo_database)
    made.key = make_key(mongo_url, mongo_database, reads_text=True)
    return made


def make_key(url: str, name: str, *, reads_text: bool) -> str:
    async def make() -> str:
        database = open_database(url, name)
        try:
            return await give_key(database, "operator", "on-call", reads_text=reads_text)
        finally:
            database.client.close()

    return asyncio.run(make())


async def whose(key: str, url: str, name: str) -> Credential:
    database = open_database(url, name)
    try:
        return await Authenticator(MongoKeyStore(database)).authenticate(f"Bearer {key}")
    finally:
        database.client.close()


def test_the_first_operators_key_needs_none_and_the_second_does(without_key: CommandLine) -> None:
    order = ("keys", "create", "--role", "operator", "--reason", "begin", "--subject")
    other_role = without_key(
        "keys", "create", "--role", "charity", "--subject", "a", "--name", "A", "--reason", "r"
    )
    assert other_role.code == 77
    first = without_key(*order, "on-call", "--reads-text")
    assert first.code == 0, first.err
    key = first.out.strip()
    refused = without_key(*order, "second")
    assert (refused.code, refused.out) == (77, "")
    assert "FRONTLINE_OPERATOR_KEY" in refused.err
    assert without_key(*order, "second", key=key).code == 0
    entries = without_key("audit", "list", "--json", key=key).json()
    assert [(each["by"], each["action"]) for each in entries] == [
        ("on-call", "keys.create"),
        ("bootstrap", "keys.create"),
    ]
    assert parse_key(key).secret not in str(entries)


def test_a_created_key_opens_the_door_until_it_is_revoked(
    run: CommandLine, mongo_url: str, mongo_database: str
) -> None:
    words = ("--role", "charity", "--subject", "org-1", "--name", "Advice Shed", "--reason", "new")
    created = run("keys", "create", *words, "--org-id", "GB-CHC-1234567")
    assert created.code == 0, created.err
    key = created.out.strip()
    key_id = parse_key(key).key_id
    expected = Credential("charity", "org-1", "Advice Shed", key_id, "GB-CHC-1234567")
    assert asyncio.run(whose(key, mongo_url, mongo_database)) == expected
    assert run("organisations", "--json").json()[0]["live_keys"] == 1

    assert run("keys", "revoke", key_id, "--reason", "left the pilot").code == 0
    with pytest.raises(Problem) as refused:
        asyncio.run(whose(key, mongo_url, mongo_database))
    assert refused.value.status == 401
    assert run("keys", "revoke", key_id, "--reason", "again").code == 0

    listed = run("keys", "list")
    assert key_id in listed.out
    assert "revoked" in listed.out
    assert parse_key(key).secret not in listed.out
    entries = run("audit", "list", "--subject", key_id, "--json").json()
    assert [each["action"] for each in entries] == ["keys.revoke", "keys.create"]
    assert entries[0]["reason"] == "left the pilot"
    assert run("audit", "check").code == 0


def test_a_rotated_key_and_its_heir_both_work_until_the_overlap_is_over(
    run: CommandLine, mongo_url: str, mongo_database: str
) -> None:
    words = ("--role", "department", "--subject", "DHSC", "--reason", "new")
    old = run("keys", "create", *words).out.strip()
    old_id = parse_key(old).key_id
    heir = run("keys", "rotate", old_id, "--overlap", "1d", "--reason", "yearly", "--json").json()
    for key in (old, heir["key"]):
        assert asyncio.run(whose(key, mongo_url, mongo_database)).subject == "DHSC"
    states = {row["key_id"]: row for row in run("keys", "list", "--json").json()}
    assert states[old_id]["expires_at"] is not None
    assert states[heir["row"]["key_id"]]["expires_at"] is None

    assert run("keys", "rotate", old_id, "--overlap", "0s", "--reason", "leaked").code == 0
    with pytest.raises(Problem):
        asyncio.run(whose(old, mongo_url, mongo_database))
    ended = run("keys", "rotate", old_id, "--reason", "again")
    assert ended.code == 2
    assert "has ended" in ended.err


def test_reading_text_is_given_only_by_who_has_it(
    run: CommandLine, mongo_url: str, mongo_database: str
) -> None:
    assert run.key is not None
    blind = make_key(mongo_url, mongo_database, reads_text=False)
    order = ("keys", "create", "--role", "operator", "--subject", "x", "--reason", "r")
    assert run(*order, "--reads-text", key=blind).code == 77
    assert run(*order, key=blind).code == 0
    assert run(*order, "--reads-text").code == 0
    charity = ("--role", "charity", "--subject", "a", "--name", "A", "--reason", "r")
    assert run("keys", "create", *charity, key=blind).code == 0
    # a department's key reads its queue
    department = ("keys", "create", "--role", "department", "--subject", "DHSC", "--reason", "r")
    refused = run(*department, key=blind)
    assert (refused.code, refused.out) == (77, "")
    assert "reads text" in refused.err
    made = run(*department)
    assert made.code == 0, made.err
    for key in (run.key, made.out.strip()):
        rotated = run("keys", "rotate", parse_key(key).key_id, "--reason", "r", key=blind)
        assert (rotated.code, rotated.out) == (77, "")


def test_nobody_without_a_key_makes_one_once_there_was_one(
    without_key: CommandLine, mongo_url: str, mongo_database: str
) -> None:
    async def end_all() -> None:
        database = open_database(mongo_url, mongo_database)
        await database["api_keys"].update_many({}, {"$set": {"revoked_at": datetime.now(UTC)}})
        database.client.close()

    make_key(mongo_url, mongo_database, reads_text=False)
    asyncio.run(end_all())
    order = ("keys", "create", "--subject", "on-call", "--reads-text", "--reason", "lost")
    refused = without_key(*order, "--role", "operator")
    assert (refused.code, refused.out) == (77, "")
    assert "FRONTLINE_BREAK_GLASS" in refused.err
    broken = {"break_glass": "true"}
    assert without_key(*order, "--role", "department", **broken).code == 77
    made = without_key(*order, "--role", "operator", **broken)
    assert made.code == 0, made.err
    [entry] = without_key("audit", "list", "--json", key=made.out.strip()).json()
    assert (entry["by"], entry["action"]) == ("bootstrap", "keys.create")
    assert entry["details"]["break_glass"] is True
    assert without_key("keys", "list", **broken).code == 77


def test_the_last_operators_key_stays(
    run: CommandLine, mongo_url: str, mongo_database: str
) -> None:
    assert run.key is not None
    last = parse_key(run.key).key_id
    refused = run("keys", "revoke", last, "--reason", "r")
    assert (refused.code, refused.out) == (2, "")
    assert "last operator's key" in refused.err
    heir = run("keys", "rotate", last, "--reason", "r", "--json").json()
    assert run("keys", "revoke", last, "--reason", "r", key=heir["key"]).code == 0
    assert run("keys", "revoke", last, "--reason", "again", key=heir["key"]).code == 0
    heir_id = heir["row"]["key_id"]
    assert run("keys", "revoke", heir_id, "--reason", "r", key=heir["key"]).code == 2


def test_wrong_orders_end_with_an_exit_code_and_one_line(run: CommandLine) -> None:
    reason = ("--reason", "r")
    orders: list[tuple[int, str, tuple[str, ...]]] = [
        (2, "magic", ("create", "--role", "department", "--subject", "magic", *reason)),
        (2, "minister", ("create", "--role", "minister", "--subject", "x", *reason)),
        (2, "--reason", ("create", "--role", "operator", "--subject", "x")),
        (2, "reason", ("create", "--role", "operator", "--subject", "x", "--reason", " ")),
        (
            2,
            "text",
            ("create", "--role", "department", "--subject", "DHSC", "--reads-text", *reason),
        ),
        (66, "no key", ("revoke", "00000000", *reason)),
        (66, "no key", ("rotate", "\N{SNOWMAN}", *reason)),
        (2, "7 weeks", ("rotate", "00000000", "--overlap", "7 weeks", *reason)),
        (2, "90 days", ("rotate", "00000000", "--overlap", "91d", *reason)),
    ]
    for code, said, words in orders:
        ended = run("keys", *words)
        assert (ended.code, ended.out) == (code, ""), words
        assert said in ended.err
        assert len(ended.err.splitlines()) == 1, ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("audit", "check", "--head", "1:x"), "no head"),
        (("audit", "list", "--limit", "0"), "limit"),
        (("keyz",), "keys"),
        ((), None),
    ],
)
def test_wrong_usage_says_what_is_possible(
    run: CommandLine, words: tuple[str, ...], said: str | None
) -> None:
    ended = run(*words)
    assert ended.code == (2 if said else 0)
    assert (said in ended.err) if said else "audit" in ended.out


def test_a_wrong_key_is_refused_in_one_line(
    without_key: CommandLine, mongo_url: str, mongo_database: str
) -> None:
    async def make() -> tuple[str, str]:
        database = open_database(mongo_url, mongo_database)
        charity = await give_key(database, "charity", "org-1")
        operator = await give_key(database, "operator", "gone")
        await database["api_keys"].delete_one({"subject": "gone"})
        database.client.close()
        return charity, operator

    charity, unknown = asyncio.run(make())
    for key, said in ((charity, "charity's key"), (unknown, "unknown"), ("fl_o_x", "mistyped")):
        ended = without_key("keys", "list", key=key)
        assert (ended.code, ended.out) == (77, "")
        assert said in ended.err
        assert len(ended.err.splitlines()) == 1
        assert key not in ended.err


def test_a_tampered_audit_ends_with_one(
    run: CommandLine, mongo_url: str, mongo_database: str
) -> None:
    for subject in ("a", "b"):
        run("keys", "create", "--role", "operator", "--subject", subject, "--reason", "r")
    head = run("audit", "check", "--json").json()["head"]

    async def tamper(change: dict[str, object] | None) -> None:
        database = open_database(mongo_url, mongo_database)
        if change is None:
            await database["audit"].delete_one({"_id": 2})
        else:
            await database["audit"].update_one({"_id": 1}, {"$set": change})
        database.client.close()

    asyncio.run(tamper({"by": "nobody"}))
    found = run("audit", "check")
    assert found.code == 1
    assert "1: is not as it was written" in found.out
    asyncio.run(tamper({"by": "on-call"}))
    assert run("audit", "check").code == 0
    asyncio.run(tamper(None))
    assert run("audit", "check").code == 0
    noted = run("audit", "check", "--head", f"{head['seq']}:{head['digest']}")
    assert noted.code == 1
    assert "gone" in noted.out


def test_a_database_that_is_away_is_said_in_one_line(run: CommandLine) -> None:
    away = run(
        "keys", "list", mongo_url="mongodb://127.0.0.1:9/?replicaSet=rs0", mongo_timeout_seconds="1"
    )
    assert (away.code, away.out) == (69, "")
    assert "FRONTLINE_MONGO_URL" in away.err
    assert len(away.err.splitlines()) == 1


def test_settings_that_are_wrong_are_named(run: CommandLine) -> None:
    wrong = run("keys", "list", http_port="x")
    assert wrong.code == 78
    assert "FRONTLINE_HTTP_PORT" in wrong.err


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_reader_that_goes_away_is_no_fault(run: CommandLine, form: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            run.words("departments", *form),
            env=run.variables(None, {}),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")
