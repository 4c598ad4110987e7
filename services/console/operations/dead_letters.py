"""Dead letters: listed, shown, counted and discarded. Redrives are in `redrives.py`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas.topics import CONSUMED
from schemas.tracing import read_traceparent
from services.audit.audit_store import MongoAuditLog
from services.console.connections import Connections
from services.console.errors import NotFound, NothingMatched, WrongInput
from services.console.operations.text_access import audit_dead_text, may_read
from services.console.operator import Operator, stated
from services.deadletters.dead_letter_store import MongoDeadLetterStore
from services.deadletters.filter import Filter, describe
from services.deadletters.index import DeadLetterIndex
from services.deadletters.letter import (
    DEAD_TOPIC_SUFFIX,
    DeadLetter,
    DeadRecord,
    Discard,
    State,
    read_letter,
)
from services.deadletters.records import RecordReader
from services.deadletters.showing import show_bytes, show_line
from services.deadletters.store import Pile
from services.runtime.deadletter import HEADER_PREFIX
from services.runtime.redrive import REDRIVE_PREFIX

EXAMPLES = 3
_LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Letters that match, the last death first: `total` of them, `letters` on this page."""

    total: int
    letters: list[DeadLetter]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a redrive or discard would take: how many, in which piles, and some of them."""

    total: int
    piles: list[Pile]
    examples: list[DeadLetter]


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """A letter's record. `key` and header values are one line each; `value` is the text where it
    only prints, else a hex dump. Without text access there is what our services wrote alone, and
    said what was `withheld`: a stranger's key and headers may name people too.
    """

    key: str | None
    headers: list[tuple[str, str]]
    value: str | None
    key_withheld: bool = False
    headers_withheld: int = 0


@dataclass(frozen=True, slots=True)
class LetterDetail:
    """All that is known of a letter; without `record` when its topic has not got it."""

    letter: DeadLetter
    record: ShownRecord | None


async def list_letters(
    connections: Connections, only: Filter, most: int = 50, after: str | None = None
) -> Page:
    """A page of what matches; `after` is the id of the last letter of the page before."""
    wanted = checked(connections, only)
    store = await letters_up_to_now(connections)
    return Page(await store.count(wanted), await store.page(wanted, most, after))


async def show_letter(
    connections: Connections,
    letter_id: str,
    *,
    operator: Operator,
    text: bool = False,
    reason: str = "",
) -> LetterDetail:
    """The letter and what of its record is ours; with `text` the whole record, for an operator who
    reads text, with a reason, and audited. Raises `NotFound`, `NotAllowed`, `WrongInput`.
    """
    why = may_read(operator, reason) if text else None
    letter = await (await letters_up_to_now(connections)).find(letter_id)
    if letter is None:
        raise NotFound(f"There is no dead letter {shown(letter_id)}: dead-letters list shows ids")
    record = await RecordReader(connections.browser).one(letter)
    if record is None:
        return LetterDetail(letter, None)
    if why is None:
        return LetterDetail(letter, _ours_of(record))
    about = {"feedback_id": letter.feedback_id}
    await audit_dead_text(connections, operator, why, letter.id, about)
    key = None if record.key is None else show_line(record.key)
    whole = ShownRecord(key, _lines(record.headers), show_bytes(record.value or b""))
    return LetterDetail(letter, whole)


def _ours_of(record: DeadRecord) -> ShownRecord:
    key = read_letter(record).feedback_id
    ours = [(name, value) for name, value in record.headers if _is_ours(name, value)]
    return ShownRecord(
        key,
        _lines(ours),
        None,
        key_withheld=record.key is not None and key is None,
        headers_withheld=len(record.headers) - len(ours),
    )


def _is_ours(name: str, value: bytes | None) -> bool:
    """Whether a header is one that dying or redriving adds, or a place in a trace and no more."""
    if name == "traceparent":
        return read_traceparent((value or b"").decode("ascii", "replace")) is not None
    return name.startswith((HEADER_PREFIX, REDRIVE_PREFIX))


def _lines(headers: Sequence[tuple[str, bytes]]) -> list[tuple[str, str]]:
    return [(show_line(name.encode()), show_line(value or b"")) for name, value in headers]


async def preview(connections: Connections, only: Filter) -> Preview:
    """What matches, to look at before it is changed; raises `NothingMatched`."""
    wanted = checked(connections, only)
    store = await letters_up_to_now(connections)
    found = await look(store, wanted)
    if not found.total:
        raise NothingMatched(nothing_like(wanted))
    return found


async def look(store: MongoDeadLetterStore, only: Filter) -> Preview:
    """What matches, which may be nothing."""
    return Preview(
        await store.count(only), await store.piles(only), await store.page(only, EXAMPLES)
    )


async def discard_letters(
    connections: Connections,
    only: Filter,
    most: int | None = None,
    *,
    everything: bool = False,
    operator: Operator,
    reason: str,
) -> int:
    """Ends waiting letters for good; says how many. They stay to be looked at.

    Raises `NothingMatched`, and `WrongInput` for a filter that takes all without `everything`.
    """
    kept = stated(reason)
    narrowed(only, everything)
    wanted = replace(checked(connections, only), states=(State.WAITING,))
    store = await letters_up_to_now(connections)
    total = await store.count(wanted)
    if not total:
        raise NothingMatched(nothing_like(wanted))
    await MongoAuditLog(connections.database, connections.clock).append(
        by=operator.name,
        action="dead_letters.discard",
        subject="dead letters",
        reason=kept,
        details=describe(wanted) | {"matched": total, "most": most},
    )
    return await store.discard(wanted, most, Discard(operator.name, connections.clock(), kept))


async def letters_up_to_now(connections: Connections) -> MongoDeadLetterStore:
    """The store of letters, once all that died is indexed."""
    store = MongoDeadLetterStore(connections.database)
    await DeadLetterIndex(connections.browser, store, origin_topics(connections)).catch_up()
    return store


def origin_topics(connections: Connections) -> tuple[str, ...]:
    """The whole names of all topics whose records can die."""
    return tuple(connections.settings.topic_prefix + topic.name for topic in CONSUMED)


def checked(connections: Connections, only: Filter) -> Filter:
    """The filter with whole names of topic and group; raises `WrongInput`.

    A topic may be given with or without the prefix, or as its `.dead` twin.
    """
    for text in (only.reason, only.error, only.version, only.group):
        if text is not None and (not text.isprintable() or not 0 < len(text) <= _LONGEST_TEXT):
            raise WrongInput(f"A filter's text has from 1 to {_LONGEST_TEXT} printable characters")
    if only.died_before and only.died_since and only.died_before <= only.died_since:
        raise WrongInput("No letter is that old and that new at once: exchange the two ages")
    prefix = connections.settings.topic_prefix
    group = None if only.group is None else prefix + only.group.removeprefix(prefix)
    return replace(only, topic=_topic(connections, only.topic), group=group)


def _topic(connections: Connections, name: str | None) -> str | None:
    if name is None:
        return None
    prefix = connections.settings.topic_prefix
    wanted = prefix + name.removeprefix(prefix).removesuffix(DEAD_TOPIC_SUFFIX)
    if wanted not in origin_topics(connections):
        raise WrongInput(
            f"There is no topic {shown(name)}:"
            f" it is one of {', '.join(topic.name for topic in CONSUMED)}"
        )
    return wanted


def nothing_like(only: Filter) -> str:
    """The message of `NothingMatched`."""
    words = ", ".join(f"{name} {value}" for name, value in describe(only).items())
    return f"No dead letter matches {words}: dead-letters list --state all shows every one"


def narrowed(only: Filter, everything: bool) -> None:
    """Refuses a filter that takes all letters, unless that is what is wanted."""
    if not only.narrows() and not everything:
        raise WrongInput("This would take every dead letter: give ids or a filter, or --all")


def shown(text: str) -> str:
    """What somebody typed, safe to print in a message."""
    return repr(text[:80])
