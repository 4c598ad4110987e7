"""The form of an API key: how one is drawn, read, digested and compared.

    fl_c_4k7w2xq9_0v3m…(32 characters)…9t_b1kq8zr
    │  │ │        │                       └ CRC-32 of all before it: a typing error needs no look-up
    │  │ │        └ secret, 160 random bits; only its SHA-256 is stored
    │  │ └ public id, in the clear in logs and lists
    │  └ role: c charity, d department, o operator
    └ for secret scanners

All parts are in Crockford's base 32, lower case. The secret is as random as its digest is long, so
a fast digest is right: slow ones are for passwords, which people choose.
"""

import re
from base64 import b32encode
from binascii import crc32
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Literal

Role = Literal["charity", "department", "operator"]
ROLES: tuple[Role, ...] = ("charity", "department", "operator")

_ID_BYTES = 5
_SECRET_BYTES = 20
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_FROM_RFC_4648 = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _ALPHABET)
_KEY = re.compile(
    rf"fl_(?P<role>[cdo])_(?P<id>[{_ALPHABET}]{{8}})_(?P<secret>[{_ALPHABET}]{{32}})"
    rf"_(?P<checksum>[{_ALPHABET}]{{7}})"
)
_ROLE_OF: dict[str, Role] = {role[0]: role for role in ROLES}


class NotAKey(ValueError):  # noqa: N818 - says what the text is
    """The text cannot be a key of ours. The message never repeats it."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as its holder has it."""

    role: Role
    key_id: str
    secret: str = field(repr=False)

    def text(self) -> str:
        """The key as it is shown once and sent with each request."""
        body = f"fl_{self.role[0]}_{self.key_id}_{self.secret}"
        return f"{body}_{_checksum(body)}"


def draw_key(role: Role, random_bytes: Callable[[int], bytes]) -> Key:
    """Draws a new key; `random_bytes` must be fit for secrets."""
    return Key(role, _base32(random_bytes(_ID_BYTES)), _base32(random_bytes(_SECRET_BYTES)))


def parse_key(text: str) -> Key:
    """Reads a key; raises `NotAKey` when its form or checksum is wrong."""
    match = _KEY.fullmatch(text)
    if match is None or match["checksum"] != _checksum(text.rpartition("_")[0]):
        raise NotAKey("not a key of this service, or mistyped")
    return Key(_ROLE_OF[match["role"]], match["id"], match["secret"])


def digest(secret: str) -> bytes:
    """What is stored of a secret."""
    return sha256(secret.encode()).digest()


def matches(key: Key, secret_digest: bytes) -> bool:
    """Whether the key's secret is the one that was stored; takes as long whatever differs."""
    return compare_digest(digest(key.secret), secret_digest)


def _base32(data: bytes) -> str:
    return b32encode(data).decode().rstrip("=").translate(_FROM_RFC_4648)


def _checksum(text: str) -> str:
    return _base32(crc32(text.encode()).to_bytes(4, "big"))
