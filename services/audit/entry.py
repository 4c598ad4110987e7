"""An entry of the audit, and how each is chained to the one before.

    digest = SHA-256 of the JSON of [seq, at, by, action, subject, reason, details, previous]

`previous` is the digest of entry `seq - 1`, and of the first entry 64 zeros. Whoever changes,
inserts or removes an entry has to write every later one anew; whoever noted a head (seq and digest)
elsewhere sees even that, and a cut end.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

Details = Mapping[str, str | int | bool | None]

BEGINNING = "0" * 64
MOST_ENTRIES = 2**53  # what JSON's numbers can count to


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: `by` an operator's account, to `subject`, with `details` in names and numbers.

    Nothing in it is what a person wrote as feedback.
    """

    seq: int
    at: datetime
    by: str
    action: str
    subject: str
    reason: str
    details: Details
    previous: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry, as it can be noted elsewhere: `seq` 0 means that there is none."""

    seq: int = 0
    digest: str = BEGINNING

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest}"


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain does not hold, and what is the matter there."""

    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """What following the whole chain found; `broken` names the first 100 breaks."""

    entries: int
    head: Head
    broken: list[Break]


def chained(entry: Entry) -> Entry:
    """The entry with its digest."""
    return replace(entry, digest=digest_of(entry))


def digest_of(entry: Entry) -> str:
    """What the entry's digest has to be; times count to the millisecond, as MongoDB keeps them."""
    at = entry.at.astimezone(UTC).isoformat(timespec="milliseconds")
    details = dict(sorted(entry.details.items()))
    content = [entry.seq, at, entry.by, entry.action, entry.subject, entry.reason, details]
    text = json.dumps([*content, entry.previous], ensure_ascii=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def what_changed(noted: Head, there: Entry | None, head: Head) -> str | None:
    """What became of a head that was noted; `there` is the entry that now has its number, `head`
    the last one. None while all is as it was, whatever followed.
    """
    if noted.seq == 0:
        return None
    if head.seq < noted.seq:
        return f"it ends at {head.seq}, and had an entry {noted.seq}"
    if there is None or (there.seq, there.digest, digest_of(there)) != (
        noted.seq,
        noted.digest,
        noted.digest,
    ):
        return f"entry {noted.seq} is not what it was"
    return None


def read_head(text: str) -> Head:
    """Reads `seq:digest` as `str` of a head writes it; raises `ValueError`."""
    seq, _, digest = text.strip().partition(":")
    if (
        not seq.isdecimal()
        or len(digest) != len(BEGINNING)
        or set(digest) - set("0123456789abcdef")
    ):
        raise ValueError(f"{text[:80]!r} is no head of the audit: write it as the check printed it")
    return Head(int(seq), digest)


class ChainCheck:
    """Follows the chain entry by entry, in order; remembers the head and the breaks alone."""

    _MOST_BREAKS = 100

    def __init__(self, noted: Head | None = None) -> None:
        self._noted = noted
        self._head = Head()
        self._entries = 0
        self._broken: list[Break] = []

    def follow(self, entry: Entry) -> None:
        """Takes the next entry in the order of `seq`."""
        self._entries += 1
        if entry.seq != self._head.seq + 1:
            self._found(entry.seq, f"no entry between {self._head.seq} and {entry.seq}")
        elif entry.previous != self._head.digest:
            self._found(entry.seq, "does not follow from the entry before it")
        if digest_of(entry) != entry.digest:
            self._found(entry.seq, "is not as it was written")
        if self._noted and entry.seq == self._noted.seq and entry.digest != self._noted.digest:
            self._found(entry.seq, "is not the entry whose digest was noted")
        self._head = Head(entry.seq, entry.digest)

    def unreadable(self, name: str) -> None:
        """Takes a row that is no entry at all."""
        self._entries += 1
        self._found(self._head.seq, f"is followed by a row that is no entry: {name[:40]}")

    def result(self) -> AuditCheck:
        """What was found, once every entry was followed."""
        if self._noted and self._noted.seq > self._head.seq:
            self._found(
                self._noted.seq, f"was noted and is gone: the chain ends at {self._head.seq}"
            )
        return AuditCheck(self._entries, self._head, list(self._broken))

    def _found(self, seq: int, what: str) -> None:
        if len(self._broken) < self._MOST_BREAKS:
            self._broken.append(Break(seq, what))
