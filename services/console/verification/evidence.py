"""What was seen of one feedback, and the flat rows in which the ledger keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from uuid import UUID

from services.deadletters.letter import DeadLetter, State
from services.queues.item_state import ItemState
from services.receipts.receipt import Accepted, Receipt
from services.routing.decision import Decided
from services.runtime.redrive import Redriven
from services.runtime.times import from_milliseconds

_ID_BYTES = 16
_LONG_AGO = from_milliseconds(0)


class Kind(IntEnum):
    """What a row tells of; the four topics are in the order of an item's way."""

    RECEIPT = 0
    RECEIVED = 1
    TAGGED = 2
    ROUTED = 3
    PROGRESSED = 4
    DECISION = 5
    LETTER = 6
    QUEUED = 7


_KINDS = tuple(Kind)

# feedback id as bytes, kind, time in milliseconds, two numbers and words as the kind needs them
Row = tuple[bytes, int, int, int, int, str | None]


@dataclass(frozen=True, slots=True)
class Seen:
    """A record on a topic; a redriven one names the dead letter and the how manieth time."""

    kind: Kind
    partition: int
    offset: int
    at: datetime
    letter_id: str | None = None
    count: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter of the feedback. `at`: when its state last changed, as far as is known."""

    id: str
    stage: str
    state: State
    redrives: int
    at: datetime
    redrive: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was seen of one feedback.

    `in_period`: its receipt is from the period, so that all of its way lies in what was read.
    Another's receipt may be found later: `reference` is None while there is none. `decided_at` is
    when the last of its decisions was made.
    """

    feedback_id: str
    reference: str | None = None
    accepted_at: datetime | None = None
    published: bool = False
    in_period: bool = False
    records: tuple[Seen, ...] = ()
    departments: frozenset[str] | None = None
    decided_at: datetime | None = None
    letters: tuple[Letter, ...] = ()
    items: tuple[ItemState, ...] = ()

    def on(self, kind: Kind) -> list[Seen]:
        """Its records on one topic."""
        return [each for each in self.records if each.kind is kind]

    @property
    def republished(self) -> int:
        """Records beyond the first of each topic that no redrive explains."""
        plain = [each.kind for each in self.records if each.letter_id is None]
        return len(plain) - len(set(plain))


def pack_id(feedback_id: str) -> bytes | None:
    """A feedback id as 16 bytes; None for what is none."""
    try:
        packed = bytes.fromhex(feedback_id.replace("-", ""))
    except ValueError:
        return None
    return packed if len(packed) == _ID_BYTES and len(feedback_id) == _ID_BYTES * 2 + 4 else None


def unpack_id(packed: bytes) -> str:
    """The id as it is written."""
    return str(UUID(bytes=packed))


def receipt_row(accepted: Accepted) -> Row | None:
    """A receipt of the period."""
    published = int(accepted.published_at is not None)
    return _row(accepted.id, Kind.RECEIPT, accepted.accepted_at, published, 0, accepted.reference)


def record_row(
    kind: Kind, key: bytes | None, place: tuple[int, int, int], redriven: Redriven | None
) -> Row | None:
    """A record by its key and its partition, offset and timestamp; None when the key is no id."""
    packed = pack_id(key.decode("ascii", "replace")) if key else None
    if packed is None:
        return None
    partition, offset, timestamp = place
    words = f"{redriven.count} {redriven.letter_id}" if redriven else None
    return packed, kind, timestamp, partition, offset, words


def decision_row(decided: Decided) -> Row | None:
    """A decision of the router."""
    words = " ".join(decided.departments)
    return _row(decided.feedback_id, Kind.DECISION, decided.decided_at, 0, 0, words)


def letter_row(letter: DeadLetter, stage: str) -> Row | None:
    """A dead letter; one whose key is no feedback id has no row."""
    at, redrive = letter.ended_at or letter.last_at, ""
    if letter.claims and letter.state in (State.REDRIVING, State.REDRIVEN):
        redrive = letter.claims[-1].redrive
        at = letter.ended_at or letter.claims[-1].at
    words = "\t".join((letter.id, stage, letter.state, redrive))
    return _row(letter.feedback_id or "", Kind.LETTER, at, letter.redrives, 0, words)


def queued_row(feedback_id: str) -> Row | None:
    """An item on a queue: what there is of it is looked up when its turn comes."""
    packed = pack_id(feedback_id)
    return (packed, Kind.QUEUED, 0, 0, 0, None) if packed else None


def read_evidence(
    packed: bytes,
    rows: Sequence[Row],
    items: Sequence[ItemState] = (),
    receipt: Receipt | None = None,
) -> Evidence:
    """What the rows of one feedback say together, with what was looked up: its queue items, and a
    receipt from another period.
    """
    records, letters = [], []
    departments: frozenset[str] | None = None
    decided_at: datetime | None = None
    own: Row | None = None
    for row in rows:
        kind = row[1]
        if kind == Kind.RECEIPT:
            own = row
        elif kind == Kind.DECISION:
            departments = (departments or frozenset()) | frozenset((row[5] or "").split())
            decided_at = max(from_milliseconds(row[2]), decided_at or _LONG_AGO)
        elif kind == Kind.LETTER:
            letters.append(_letter(row))
        elif kind != Kind.QUEUED:
            records.append(_seen(row))
    return Evidence(
        unpack_id(packed),
        reference=own[5] if own else receipt.reference if receipt else None,
        accepted_at=from_milliseconds(own[2]) if own else receipt.accepted_at if receipt else None,
        published=bool(own and own[3]),
        in_period=own is not None,
        records=tuple(records),
        departments=departments,
        decided_at=decided_at,
        letters=tuple(letters),
        items=tuple(items),
    )


def _row(
    feedback_id: str, kind: Kind, at: datetime, first: int, second: int, words: str
) -> Row | None:
    packed = pack_id(feedback_id)
    return (packed, kind, int(at.timestamp() * 1000), first, second, words) if packed else None


def _seen(row: Row) -> Seen:
    _, kind, at, partition, offset, words = row
    if words is None:
        return Seen(_KINDS[kind], partition, offset, from_milliseconds(at))
    count, _, letter_id = words.partition(" ")
    return Seen(_KINDS[kind], partition, offset, from_milliseconds(at), letter_id, int(count))


def _letter(row: Row) -> Letter:
    identity, stage, state, redrive = (row[5] or "").split("\t")
    return Letter(identity, stage, State(state), row[3], from_milliseconds(row[2]), redrive)
