"""Where keys are kept: the protocol, MongoDB's collection `api_keys`, and memory for tests."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Protocol

from services.accounts.keys import Role
from services.runtime.mongo import Database, Document, DuplicateKeyError, database_errors


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is kept of a key: never its secret. `subject` is an organisation's id, a department's
    permanent code, or an operator's name for the account. It ends at `revoked_at` or `expires_at`,
    whichever is first; `reads_text` is an operator's who may see what people wrote.
    """

    key_id: str
    role: Role
    subject: str
    name: str
    org_id: str | None
    secret_digest: bytes
    created_at: datetime
    revoked_at: datetime | None = None
    expires_at: datetime | None = None
    reads_text: bool = False

    def is_live(self, now: datetime) -> bool:
        """Whether the key opens the door at this moment."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class KeyTaken(Exception):  # noqa: N818 - says what is the matter
    """A key with this public id exists: draw another."""


class KeyStore(Protocol):
    """Keeps keys. Every call raises `Unavailable` while the database is away."""

    async def create(self, key: StoredKey) -> None:
        """Keeps a new key; raises `KeyTaken` when its id is not free."""

    async def find(self, key_id: str) -> StoredKey | None:
        """The key with this id, revoked or not."""

    async def revoke(self, key_id: str, at: datetime) -> bool:
        """Ends a key, for good; false when there is none. A second time changes nothing."""

    async def expire(self, key_id: str, at: datetime) -> bool:
        """Lets a key end at that time, or earlier if it would anyway; false when there is none."""

    async def every(self) -> list[StoredKey]:
        """All keys, oldest first."""


class MongoKeyStore:
    """Keys in the collection `api_keys`, found by their public id."""

    def __init__(self, database: Database) -> None:
        self._keys = database["api_keys"]

    async def create(self, key: StoredKey) -> None:
        """Inserts the key; the unique `_id` decides between two with one id."""
        document = asdict(key)
        document["_id"] = document.pop("key_id")
        try:
            with database_errors():
                await self._keys.insert_one(document)
        except DuplicateKeyError:
            raise KeyTaken(key.key_id) from None

    async def find(self, key_id: str) -> StoredKey | None:
        """Reads one key by `_id`."""
        with database_errors():
            document = await self._keys.find_one({"_id": key_id})
        return _key(document) if document else None

    async def revoke(self, key_id: str, at: datetime) -> bool:
        """Sets `revoked_at` where it is not set yet."""
        with database_errors():
            await self._keys.update_one(
                {"_id": key_id, "revoked_at": None}, {"$set": {"revoked_at": at}}
            )
            return await self._keys.find_one({"_id": key_id}, {"_id": 1}) is not None

    async def expire(self, key_id: str, at: datetime) -> bool:
        """Sets `expires_at` where none or a later one is set."""
        open_or_later = {"$or": [{"expires_at": None}, {"expires_at": {"$gt": at}}]}
        with database_errors():
            await self._keys.update_one(
                {"_id": key_id, **open_or_later}, {"$set": {"expires_at": at}}
            )
            return await self._keys.find_one({"_id": key_id}, {"_id": 1}) is not None

    async def every(self) -> list[StoredKey]:
        """Reads all keys: there are as many as organisations, not as submissions."""
        with database_errors():
            return [_key(each) async for each in self._keys.find().sort("created_at", 1)]


def _key(document: Document) -> StoredKey:
    fields = dict(document)
    fields["key_id"] = fields.pop("_id")
    fields["secret_digest"] = bytes(fields["secret_digest"])
    return StoredKey(**fields)


class MemoryKeyStore:
    """Keys in memory; `error` is raised by every call while it is set."""

    def __init__(self, keys: Iterable[StoredKey] = ()) -> None:
        self._keys = {key.key_id: key for key in keys}
        self.error: Exception | None = None
        self.finds = 0

    async def create(self, key: StoredKey) -> None:
        """Keeps the key."""
        self._answer()
        if key.key_id in self._keys:
            raise KeyTaken(key.key_id)
        self._keys[key.key_id] = key

    async def find(self, key_id: str) -> StoredKey | None:
        """Looks the key up, and counts that it was asked."""
        self.finds += 1
        self._answer()
        return self._keys.get(key_id)

    async def revoke(self, key_id: str, at: datetime) -> bool:
        """Marks the key as revoked."""
        self._answer()
        key = self._keys.get(key_id)
        if key is None:
            return False
        self._keys[key_id] = replace(key, revoked_at=key.revoked_at or at)
        return True

    async def expire(self, key_id: str, at: datetime) -> bool:
        """Sets when the key ends."""
        self._answer()
        key = self._keys.get(key_id)
        if key is None:
            return False
        self._keys[key_id] = replace(key, expires_at=min(at, key.expires_at or at))
        return True

    async def every(self) -> list[StoredKey]:
        """All keys."""
        self._answer()
        return sorted(self._keys.values(), key=lambda key: key.created_at)

    def _answer(self) -> None:
        if self.error is not None:
            raise self.error
