"""Decides which submissions are one and the same: the client's key, and what it names."""

import re
from hashlib import sha256
from uuid import UUID

from schemas.feedback import Submission
from schemas.ids import derive_id

MAX_KEY_CHARACTERS = 255

# what a JSON body may say, where no header's syntax is in the way
KEY_PATTERN = r"^[ -~]+$"

_FEEDBACK_IDS = UUID("a3d4c6f2-53a1-5d1e-8f0b-6c1b7d0c2e94")
_BARE = re.compile(r'[^\x00-\x20"\\,;\x7f-\U0010ffff]+')
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_ESCAPED = re.compile(r"\\(.)")


class MalformedKey(ValueError):  # noqa: N818 - says what the key is
    """The Idempotency-Key cannot be read; the message says how one is written."""


def read_idempotency_key(header: str) -> str:
    """The key that a header names: `abc` and `"abc"` are one key.

    Raises `MalformedKey` for anything but a bare word or a quoted string (RFC 9651) of 1 to 255
    ASCII characters.
    """
    header = header.strip(" \t")
    if _BARE.fullmatch(header):
        key = header
    elif quoted := _QUOTED.fullmatch(header):
        key = _ESCAPED.sub(r"\1", quoted[1])
    else:
        raise MalformedKey('Send Idempotency-Key as a word of ASCII characters, or as "a string".')
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        raise MalformedKey(f"An Idempotency-Key has 1 to {MAX_KEY_CHARACTERS} characters.")
    return key


def feedback_id(organisation: str, key: str) -> str:
    """The id that an organisation's key stands for, in every process and for ever."""
    return derive_id(_FEEDBACK_IDS, f"{len(organisation)}:{organisation}:{key}")


def fingerprint(submission: Submission) -> bytes:
    """32 bytes that are the same for the same content, however it was spaced or ordered.

    Defaults are left out, so that a field added later leaves the fingerprints of before.
    """
    canonical = Submission.__pydantic_serializer__.to_json(submission, exclude_defaults=True)
    return sha256(canonical).digest()
