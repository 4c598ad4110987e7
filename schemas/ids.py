"""Ids: those that derive from what they name, and feedback ids in the keys of records."""

import re
from hashlib import sha1
from uuid import UUID

FEEDBACK_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_FEEDBACK_KEY = re.compile(FEEDBACK_ID.encode())


def derive_id(namespace: UUID, name: str) -> str:
    """The UUIDv5 of a name, as text.

    `uuid.uuid5` gives the same and takes four times as long; every event derives one.
    """
    digest = bytearray(sha1(namespace.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50  # version 5
    digest[8] = digest[8] & 0x3F | 0x80  # the variant of RFC 9562
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def read_feedback_key(key: bytes | None) -> str | None:
    """The feedback id that a record's key is; `None` for a stranger's, whatever is in it."""
    return key.decode() if key and _FEEDBACK_KEY.fullmatch(key) else None
