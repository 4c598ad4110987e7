"""MongoDB: the only module that names Motor; connection, safety check, errors, bulk inserts.

Motor is at the end of its life (deploy/decisions/0002): stores use the types from here, so that
the change to PyMongo's own asyncio client is a change to this module.
"""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

# each call holds a thread of Motor's pool, for its whole deadline while MongoDB is away: by default
# five for each core, which loops and a few requests fill together; read when Motor is imported
os.environ.setdefault("MOTOR_MAX_WORKERS", "64")

import structlog
from bson.codec_options import CodecOptions
from bson.errors import InvalidDocument
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
)
from pymongo import ReadPreference
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    DocumentTooLarge,
    DuplicateKeyError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from services.runtime.errors import Permanent, Unavailable
from services.runtime.settings import Mode, MongoSettings, refuse_setting

Document = dict[str, Any]
Client = AsyncIOMotorClient[Document]
Database = AsyncIOMotorDatabase[Document]
Collection = AsyncIOMotorCollection[Document]

DUPLICATE_KEY = 11_000

# bad value, type mismatch, overflow, refused by a validator, bad field names, object too large:
# faults of this document. Everything else, a full disk and a changed password included, is the
# database's, and no reason to give a record up.
_DOCUMENT_CODES = frozenset({2, 14, 15, 52, 55, 56, 57, 121, 10334, 17419, 17420})

log = structlog.get_logger(__name__)

__all__ = [
    "BulkWriteError",
    "Client",
    "Collection",
    "Database",
    "Document",
    "DuplicateKeyError",
    "UnsafeDatabase",
    "check_safety",
    "connect",
    "database_errors",
    "disk_use",
    "durable",
    "insert_absent",
    "insert_unordered",
    "read_span",
    "server_time",
]


class UnsafeDatabase(RuntimeError):  # noqa: N818 - says what the database is
    """The database cannot keep the guarantees; the message says what to change."""


def connect(settings: MongoSettings) -> tuple[Client, Database]:
    """Opens a lazy client: `w=majority`, journaled, majority reads from the primary, UTC datetimes.

    No operation waits longer than `mongo_timeout_seconds`, finding a primary included.
    """
    try:
        client: Client = AsyncIOMotorClient(
            settings.mongo_url.get_secret_value(),
            appname="frontline",
            timeoutMS=int(settings.mongo_timeout_seconds * 1000),
            retryWrites=True,
            uuidRepresentation="standard",
        )
    except (InvalidURI, ConfigurationError) as error:
        refuse_setting("mongo_url", str(error))
    return client, durable(client, settings.mongo_database)


def durable(client: Client, name: str) -> Database:
    """A database whose writes survive the loss of a minority, and whose reads see only such."""
    database: Database = client.get_database(
        name,
        codec_options=CodecOptions(tz_aware=True),
        read_preference=ReadPreference.PRIMARY,
        write_concern=WriteConcern(w="majority", j=True),
        read_concern=ReadConcern("majority"),
    )
    return database


async def disk_use(database: Database) -> tuple[int, int]:
    """Bytes in use and in all on the disk where MongoDB keeps its data; of its primary."""
    with database_errors():
        stats = await database.command("dbStats")
    return int(stats["fsUsedSize"]), int(stats["fsTotalSize"])


async def server_time(database: Database) -> datetime:
    """What time it is by the primary's clock, which dates leases and reports (`$$NOW`): whoever
    judges them must not go by a clock of its own. Raises `Unavailable`.
    """
    with database_errors():
        hello = await database.command("hello")
    moment: datetime = hello["localTime"]
    return moment.replace(tzinfo=UTC)


async def check_safety(client: Client, mode: Mode) -> None:
    """Refuses a database that can lose an acknowledged write.

    Raises `UnsafeDatabase` on a standalone server in production; `Unavailable` when none answers.
    """
    with database_errors():
        hello = await client.admin.command("hello")
    if hello.get("setName") or hello.get("msg") == "isdbgrid":
        return
    problem = (
        "MongoDB is a standalone server: it can lose acknowledged writes. Start it with --replSet"
        " and initiate the set, or set FRONTLINE_MODE=development to accept the loss"
    )
    if mode is not Mode.DEVELOPMENT:
        raise UnsafeDatabase(problem)
    log.warning("unsafe database accepted", action="check_safety", problem=problem)


@contextmanager
def database_errors() -> Iterator[None]:
    """Turns the driver's errors into the four of `services.runtime.errors`.

    `BulkWriteError` and `DuplicateKeyError` pass: their callers read them record by record.
    """
    try:
        yield
    except (BulkWriteError, DuplicateKeyError):
        raise
    except (DocumentTooLarge, InvalidDocument) as error:
        raise Permanent(f"MongoDB: {type(error).__name__}") from None
    except OperationFailure as error:
        raise _refusal(error.code) from None
    except PyMongoError as error:
        raise Unavailable(f"MongoDB: {type(error).__name__}") from None


def _refusal(code: int | None) -> Permanent | Unavailable:
    """What a server's refusal means; its message is left out, because it can quote the document."""
    kind = Permanent if code in _DOCUMENT_CODES else Unavailable
    return kind(f"MongoDB: refused with code {code}")


async def insert_absent(collection: Collection, documents: Sequence[Document]) -> frozenset[Any]:
    """Inserts documents whose `_id` is not there yet, in one unordered write.

    Returns the `_id`s that were there already. Raises as `insert_unordered` does, and `Permanent`
    for a duplicate on any other index.
    """
    duplicates = await insert_unordered(collection, documents)
    for field in duplicates.values():
        if field != "_id":
            raise Permanent(f"MongoDB: insert refused: another document has its {field}")
    return frozenset(documents[position]["_id"] for position in duplicates)


async def insert_unordered(collection: Collection, documents: Sequence[Document]) -> dict[int, str]:
    """Inserts what it can in one unordered write.

    Returns the position of each document that a unique index refused, with the index's first field.
    Raises `Permanent` for a document that MongoDB will never take, `Unavailable` for any other
    refusal and for a write that majority did not confirm.
    """
    if not documents:
        return {}
    try:
        with database_errors():
            await collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        return _duplicates(error)
    return {}


def _duplicates(error: BulkWriteError) -> dict[int, str]:
    details = error.details
    if details.get("writeConcernErrors"):
        raise Unavailable("MongoDB: majority did not confirm the write") from None
    duplicates: dict[int, str] = {}
    for failure in details.get("writeErrors", ()):
        if failure["code"] != DUPLICATE_KEY:
            raise _refusal(failure["code"]) from None
        duplicates[failure["index"]] = next(iter(failure["keyPattern"]))
    return duplicates


async def read_span(
    collection: Collection,
    field: str,
    start: datetime,
    end: datetime,
    *,
    fields: Sequence[str],
    only: Document | None = None,
    index: str | None = None,
    chunk: int = 5_000,
) -> AsyncIterator[list[Document]]:
    """Reads what has `field` from `start` up to `end`, in its order, with these fields, by chunks.

    `only` narrows it further, by the `index` of that name. Each chunk is a query of its own, so
    that no deadline ends a long reading; `field` needs an index. What is inserted behind the place
    reached is not seen. Raises `Unavailable`.
    """
    projection, last = dict.fromkeys([*fields, field], 1), start
    at_last: set[Any] = set()  # of that very time, and read already
    while True:
        with database_errors():
            wanted = (only or {}) | {field: {"$gte": last, "$lt": end}}
            cursor = collection.find(wanted, projection, hint=index)
            rows = await cursor.sort(field, 1).limit(chunk + len(at_last)).to_list(None)
        new = [row for row in rows if row["_id"] not in at_last]
        if new:
            yield new
        if len(rows) < chunk + len(at_last) or not new:
            return
        at_last = {row["_id"] for row in rows if row[field] == rows[-1][field]}
        last = rows[-1][field]
