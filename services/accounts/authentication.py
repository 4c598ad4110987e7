"""Decides whose request it is, from its `Authorization` header."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from time import monotonic

import structlog

from services.accounts.key_store import KeyStore, StoredKey
from services.accounts.keys import Key, NotAKey, Role, matches, parse_key
from services.runtime.problem import Problem

_FRESH_SECONDS = 4.0
_STALE_WAIT_SECONDS = 0.2
_MAX_KNOWN = 10_000
_MAX_REFUSED = 10_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Credential:
    """Who calls. `subject` is an organisation's id, a department's permanent code, or an operator's
    account; never a person. `reads_text`: an operator's key that may show what people wrote.
    """

    role: Role
    subject: str
    name: str
    key_id: str
    org_id: str | None = None
    reads_text: bool = False


@dataclass(slots=True)
class _Seen:
    """What the store last said of a header, and when; no credential means refused. The key ends
    at `ends_at` even while the store cannot be asked.
    """

    credential: Credential | None
    at: float
    ends_at: datetime | None


def _now() -> datetime:
    return datetime.now(UTC)


class Authenticator:
    """Looks keys up and remembers the answer for 4 seconds, so that a revocation is seen within 5.

    While the database is away a key that was good before stays good; nothing is remembered by the
    key itself, only by the digest of the header.
    """

    def __init__(
        self,
        store: KeyStore,
        clock: Callable[[], float] = monotonic,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._store = store
        self._clock = clock
        self._now = now
        self._known: dict[bytes, _Seen] = {}
        self._refused: dict[bytes, _Seen] = {}
        self._asking: dict[bytes, asyncio.Task[Credential | None]] = {}

    async def authenticate(self, authorization_header: str | None) -> Credential:
        """The caller's credential, in microseconds when it was seen lately.

        Raises a 401 `Problem` for a missing, malformed, unknown, ended key, and `Unavailable`
        when the database is away and the key was not seen before.
        """
        if authorization_header is None:
            raise _unauthorised("Send your key as: Authorization: Bearer <key>.")
        header = sha256(authorization_header.encode("utf-8", "replace")).digest()
        seen = self._known.get(header) or self._refused.get(header)
        if seen is not None and seen.ends_at is not None and seen.ends_at <= self._now():
            self._known.pop(header, None)
            seen = None
        if seen is None or self._clock() - seen.at > _FRESH_SECONDS:
            credential = await self._look_up(header, _read(authorization_header), seen)
        else:
            credential = seen.credential
        if credential is None:
            raise _not_valid()
        return credential

    async def _look_up(self, header: bytes, key: Key, seen: _Seen | None) -> Credential | None:
        """Asks the store; requests with the same header share one question."""
        asking = self._asking.get(header)
        if asking is None:
            asking = asyncio.create_task(self._ask(header, key))
            self._asking[header] = asking
            asking.add_done_callback(lambda task: self._answered(header, task))
        if seen is None or seen.credential is None:
            return await asyncio.shield(asking)
        await asyncio.wait({asking}, timeout=_STALE_WAIT_SECONDS)
        if asking.done() and asking.exception() is None:
            return asking.result()
        seen.at = self._clock() - _FRESH_SECONDS / 2  # the database is slow or away: ask again soon
        return seen.credential

    async def _ask(self, header: bytes, key: Key) -> Credential | None:
        asked_at = self._clock()
        stored = await self._store.find(key.key_id)
        credential = credential_of(stored, key, self._now())
        self._known.pop(header, None)
        self._refused.pop(header, None)
        seen, limit = (
            (self._known, _MAX_KNOWN) if credential is not None else (self._refused, _MAX_REFUSED)
        )
        seen[header] = _Seen(credential, asked_at, stored.expires_at if stored else None)
        if len(seen) > limit:
            del seen[next(iter(seen))]
        return credential

    def _answered(self, header: bytes, task: "asyncio.Task[Credential | None]") -> None:
        del self._asking[header]
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.warning("keys cannot be read", action="authenticate", reason=type(error).__name__)


def _read(header: str) -> Key:
    """Reads a key from the header's value."""
    scheme, _, text = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise _unauthorised("Send your key as: Authorization: Bearer <key>.")
    try:
        return parse_key(text.strip())
    except NotAKey:
        raise _not_valid() from None


def credential_of(stored: StoredKey | None, key: Key, now: datetime) -> Credential | None:
    """The credential of a key that is as stored, not revoked and not expired."""
    if stored is None or not stored.is_live(now):
        return None
    if stored.role != key.role or not matches(key, stored.secret_digest):
        return None
    return Credential(
        stored.role, stored.subject, stored.name, stored.key_id, stored.org_id, stored.reads_text
    )


def _not_valid() -> Problem:
    """One answer for every wrong key: it must not say which part of a guess was right."""
    return _unauthorised(
        "The key is mistyped, unknown, revoked or expired. Check that you sent all of it,"
        " or ask the operators for a new one."
    )


def _unauthorised(detail: str) -> Problem:
    return Problem(401, "Key needed", detail, headers={"WWW-Authenticate": "Bearer"})
