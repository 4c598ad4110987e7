"""The operators' command line as a process, and keys to act with."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from schemas.departments import load_departments
from services.accounts.issuing import issue_key
from services.accounts.key_store import MongoKeyStore
from services.accounts.keys import Role
from services.runtime.mongo import Database, connect
from services.runtime.settings import MongoSettings
from tests.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code in (0, 1), self.err
        return json.loads(self.out)


@dataclass(slots=True)
class CommandLine:
    """Runs commands against a database and a broker; `key` is the operator's."""

    environment: dict[str, str]
    key: str | None = None

    def __call__(self, *words: str, key: str | None = None, **settings: str) -> Ended:
        """Runs one command to its end; `settings` are FRONTLINE_ variables in lower case."""
        ended = subprocess.run(
            self.words(*words),
            env=self.variables(key, settings),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "services.console.cli", *words]

    def variables(self, key: str | None, settings: Mapping[str, str]) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if "FRONTLINE_" not in name}
        variables = ours | {"COLUMNS": "200"} | self.environment
        variables |= {f"FRONTLINE_{name.upper()}": value for name, value in settings.items()}
        if acting := key or self.key:
            variables["FRONTLINE_OPERATOR_KEY"] = acting
        return variables


class Terminal:
    """The command line of an operator of one pipeline, for asynchronous tests."""

    def __init__(self, line: CommandLine) -> None:
        self.line = line

    @classmethod
    async def on(cls, pipeline: Pipeline, *, reads_text: bool = False) -> "Terminal":
        """One with a new operator's key."""
        key = await give_key(pipeline.database, "operator", "on-call", reads_text=reads_text)
        return cls(CommandLine(pipeline.environment, key))

    async def run(self, *words: str, **settings: str) -> Ended:
        return await asyncio.to_thread(self.line, *words, **settings)

    async def do(self, *words: str, code: int = 0, **settings: str) -> str:
        """Runs what must end with this exit code; returns what it printed."""
        ended = await self.run(*words, **settings)
        assert ended.code == code, f"{words} ended with {ended.code}: {ended.out}{ended.err}"
        return ended.out

    async def ask(self, *words: str) -> Any:
        """The document that a command answers with."""
        return (await self.run(*words, "--json")).json()


def command_line(mongo_url: str, database: str, **settings: str) -> CommandLine:
    """The command line on this database, without a key; `settings` as when it is called."""
    return CommandLine(
        {"FRONTLINE_MONGO_URL": mongo_url, "FRONTLINE_MONGO_DATABASE": database}
        | {f"FRONTLINE_{name.upper()}": value for name, value in settings.items()}
    )


def open_database(mongo_url: str, name: str) -> Database:
    """A database for a test; its client is closed by `database.client.close()`."""
    settings = MongoSettings(
        mongo_url=SecretStr(mongo_url), mongo_database=name, mongo_timeout_seconds=10
    )
    return connect(settings)[1]


async def give_key(
    database: Database, role: Role, subject: str, *, reads_text: bool = False
) -> str:
    """A live key, as text."""
    key = await issue_key(
        MongoKeyStore(database),
        role,
        subject,
        "Advice Shed" if role == "charity" else "",
        departments=load_departments(),
        random_bytes=secrets.token_bytes,
        now=datetime.now(UTC),
        reads_text=reads_text,
    )
    return key.text()
