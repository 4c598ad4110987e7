"""`python -m services.accounts` on a real database: create, use, list, revoke, and its errors."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from services.accounts.authentication import Authenticator, Credential
from services.accounts.key_store import MongoKeyStore
from services.accounts.keys import parse_key
from services.runtime.mongo import connect
from services.runtime.settings import MongoSettings
from services.runtime.web import Problem

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(mongo_url: str, mongo_database: str) -> Run:
    def call(*words: str, url: str = mongo_url) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services.accounts", *words],
            env=os.environ
            | {"FRONTLINE_MONGO_URL": url, "FRONTLINE_MONGO_DATABASE": mongo_database},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


async def whose(key: str, url: str, database: str) -> Credential:
    settings = MongoSettings(mongo_url=SecretStr(url), mongo_database=database)
    client, opened = connect(settings)
    try:
        return await Authenticator(MongoKeyStore(opened)).authenticate(f"Bearer {key}")
    finally:
        client.close()


def test_a_created_key_opens_the_door_until_it_is_revoked(
    run: Run, mongo_url: str, mongo_database: str
) -> None:
    words = ("--role", "charity", "--subject", "org-1", "--name", "Advice Shed")
    created = run("create", *words, "--org-id", "GB-CHC-1234567")
    assert created.returncode == 0, created.stderr
    key = created.stdout.strip()
    key_id = parse_key(key).key_id
    expected = Credential("charity", "org-1", "Advice Shed", key_id, "GB-CHC-1234567")
    assert asyncio.run(whose(key, mongo_url, mongo_database)) == expected

    assert run("revoke", key_id).returncode == 0
    with pytest.raises(Problem) as refused:
        asyncio.run(whose(key, mongo_url, mongo_database))
    assert refused.value.status == 401

    listed = run("list")
    assert key_id in listed.stdout
    assert "revoked" in listed.stdout
    assert parse_key(key).secret not in listed.stdout


def test_wrong_orders_end_with_an_exit_code_and_one_line(run: Run) -> None:
    unknown = run("create", "--role", "department", "--subject", "ministry-of-magic")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "ministry-of-magic" in unknown.stderr
    assert run("create", "--role", "minister", "--subject", "x").returncode == 2
    absent = run("revoke", "00000000")
    assert absent.returncode == 1
    assert "no key" in absent.stderr


def test_a_database_that_is_away_is_said_in_one_line(run: Run) -> None:
    away = run("list", url="mongodb://127.0.0.1:9/?replicaSet=rs0")
    assert away.returncode == 69
    assert "FRONTLINE_MONGO_URL" in away.stderr
    assert "Traceback" not in away.stderr
