"""MongoDB's own server as a child process: a replica set of one."""

from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local.mongod import Mongod
from deploy.local.server import Server

HOST = "127.0.0.1"
REPLICA_SET = "rs0"
NOT_YET_INITIALISED = 94


class MongoServer(Server):
    """A primary on loopback whose state is in `home`; a later start finds its data again."""

    def __init__(
        self, home: Path, mongod: Mongod, log: Path, port: int = 29017, cache_gb: float = 1.0
    ) -> None:
        super().__init__("mongo", log, environment=mongod.environment())
        self._home = home
        self._mongod = mongod
        self._port = port
        self._cache_gb = cache_gb
        self.url = f"mongodb://{HOST}:{port}/?replicaSet={REPLICA_SET}"

    def _prepare(self) -> list[str]:
        self._home.mkdir(parents=True, exist_ok=True)
        cache = ["--wiredTigerCacheSizeGB", str(self._cache_gb), "--oplogSize", "1024"]
        place = ["--dbpath", str(self._home), "--bind_ip", HOST, "--port", str(self._port)]
        return [str(self._mongod.path), "--replSet", REPLICA_SET, "--nounixsocket", *place, *cache]

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
