"""How dead letters, dead items and redrives look in a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.console.cli.tables import moment, table
from services.console.operations.dead_items import ItemPage, ItemPreview
from services.console.operations.dead_letters import LetterDetail, Page, Preview, ShownRecord
from services.console.periods import length
from services.deadletters.letter import DeadLetter, State
from services.deadletters.redrive import JobState, Redrive
from services.queues.dead_item import DeadItem

_THEIRS = "department's words"
_SHOWN_BY = "--text --reason WHY shows them to a key that reads text"


def letters_page(page: Page, now: datetime) -> RenderableType:
    """A line for each letter, and how many more there are."""
    if not page.letters:
        return Text("No dead letters.")
    return Group(
        _letters(page.letters, now), _more(page.total, len(page.letters), page.letters[-1].id)
    )


def items_page(page: ItemPage, now: datetime) -> RenderableType:
    """A line for each item, and how many more there are."""
    if not page.items:
        return Text("No dead items.")
    return Group(*_items(page.items, now), _more(page.total, len(page.items), page.items[-1].id))


def preview_of_letters(found: Preview, now: datetime) -> RenderableType:
    """How many of what, and some of them."""
    piles = table(
        ("Letters", "Topic", "Group", "Error", "Reason of one"),
        ((each.letters, each.topic, each.group, each.error, each.reason) for each in found.piles),
    )
    return Group(_headline(found.total, "dead letters"), piles, _letters(found.examples, now))


def preview_of_items(found: ItemPreview, now: datetime) -> RenderableType:
    """How many of which department, and some of them."""
    rows = sorted(found.departments.items(), key=lambda each: -each[1])
    departments = table(("Items", "Department"), ((count, name) for name, count in rows))
    return Group(_headline(found.total, "dead items"), departments, *_items(found.examples, now))


def detail(found: LetterDetail) -> RenderableType:
    """Everything that is told of one letter, a line each; the value last, as it is."""
    parts: list[RenderableType] = [_pairs(_story(found.letter))]
    record = found.record
    if record is None:
        parts.append(Text("Its record was not found: retention took it, or its topic is new."))
        return Group(*parts)
    parts.append(_pairs([("key", record.key), *record.headers]))
    if record.value is None:
        parts.append(Text(_withheld(record, found.letter.size)))
    else:
        parts.append(Text(record.value))
    return Group(*parts)


def _withheld(record: ShownRecord, size: int) -> str:
    """What a person may have written, and how to see it."""
    what = ["its key"] if record.key_withheld else []
    if record.headers_withheld:
        what.append(
            "1 header" if record.headers_withheld == 1 else f"{record.headers_withheld:,} headers"
        )
    return f"Not shown: {', '.join(what)}{' and ' if what else ''}its {size:,} bytes; {_SHOWN_BY}."


def item_detail(item: DeadItem) -> RenderableType:
    """Everything that is told of one item, a line each."""
    pairs: list[tuple[str, object]] = [
        ("item", item.id),
        ("department", item.department),
        ("state", item.state),
        ("died", item.died_at),
        ("reason", f"{_THEIRS}; {_SHOWN_BY}" if _is_withheld(item) else item.reason),
        ("received", item.receive_count),
        ("queued", item.created_at),
        ("role", item.role),
        ("areas", ", ".join(item.areas)),
        ("rule", item.rule),
        ("redrives", item.redrives),
    ]
    if item.discarded:
        pairs.append(("discarded", _by(item.discarded.by, item.discarded.at)))
        pairs.append(("because", item.discarded.reason))
    text = f"Not shown: its text; trace {item.feedback_id} --text --reason WHY shows it."
    return Group(_pairs(pairs), Text(text))


def redrives_table(rows: Iterable[Redrive], now: datetime) -> Table:
    """A line for each redrive."""
    lines = (
        (
            each.name,
            f"{_for(each.created_at, now)} ago",
            each.by,
            _state(each, now),
            each.redriven,
            each.expected,
            each.failed,
            each.reason,
        )
        for each in rows
    )
    columns = ("Redrive", "Ordered", "By", "State", "Sent", "Of", "Failed", "Reason")
    return _unbroken(table(columns, lines))


def _state(redrive: Redrive, now: datetime) -> str:
    if redrive.state is not JobState.RUNNING:
        return str(redrive.state)
    runs = redrive.held_until is not None and redrive.held_until > now
    if redrive.cancel_by:
        return f"being cancelled by {redrive.cancel_by}"
    return "running" if runs else "interrupted"


def _letters(letters: Sequence[DeadLetter], now: datetime) -> Table:
    """Fits eighty columns where all wait; the id is never broken, so that it can be copied."""
    columns = ["Letter", "Dead for", "From", "Why"]
    rows: list[list[object]] = [
        [each.id, _for(each.last_at, now), _from(each), f"{each.error}: {each.reason}"]
        for each in letters
    ]
    if any(_state_of(each) != State.WAITING for each in letters):
        columns.append("State")
        for row, each in zip(rows, letters, strict=True):
            row.append(_state_of(each))
    return _unbroken(table(columns, rows))


def _from(letter: DeadLetter) -> str:
    return f"{letter.topic} {letter.partition}/{letter.offset}"


def _for(at: datetime, now: datetime) -> str:
    return length(max(0.0, (now - at).total_seconds()))


def _unbroken(made: Table) -> Table:
    made.columns[0].no_wrap = True
    return made


def _state_of(letter: DeadLetter) -> str:
    if letter.unsendable:
        return f"{letter.state}; {letter.unsendable}"
    return f"{letter.state}, died again" if letter.died_again else str(letter.state)


def _items(items: Sequence[DeadItem], now: datetime) -> Iterator[RenderableType]:
    """They are all in the state that was asked for, which is not repeated: the line is short."""
    rows = (
        (
            each.id,
            _for(each.died_at, now),
            each.receive_count,
            _THEIRS if _is_withheld(each) else each.reason,
        )
        for each in items
    )
    yield _unbroken(table(("Item", "Dead for", "Received", "Why"), rows))
    if any(_is_withheld(each) for each in items):
        yield Text(f"{_THEIRS.capitalize()}: {_SHOWN_BY}.")


def _is_withheld(item: DeadItem) -> bool:
    return item.reason_is_theirs and item.reason is None


def _story(letter: DeadLetter) -> Iterator[tuple[str, object]]:
    yield from (
        ("letter", letter.id),
        ("feedback", letter.feedback_id),
        ("state", _state_of(letter)),
        ("from", f"{letter.topic} partition {letter.partition} offset {letter.offset}"),
        (
            "in",
            f"{letter.dead_topic} partition {letter.dead_partition} offset {letter.dead_offset}",
        ),
        ("group", letter.group),
        ("error", letter.error),
        ("reason", letter.reason),
        ("attempts", letter.attempts),
        ("first failed", letter.first_at),
        ("given up", letter.last_at),
        ("by", f"{letter.service} {letter.version}"),
        ("bytes", letter.size),
    )
    for claim in letter.claims:
        yield (
            "redrive",
            f"{_by(claim.redrive, claim.at)}, number {claim.count}"
            + (f": {claim.failed}" if claim.failed else ""),
        )
    if letter.discard:
        yield "discarded", _by(letter.discard.by, letter.discard.at)
        yield "because", letter.discard.reason


def _by(who: str, at: datetime) -> str:
    return f"{who}, {moment(at)}"


def _pairs(pairs: Iterable[tuple[str, object]]) -> Table:
    made = table(("", ""), pairs)
    made.show_header = False
    return made


def _headline(total: int, what: str) -> Text:
    return Text(f"{total:,} {what}", style="bold")


def _more(total: int, here: int, last: str) -> Text:
    more = f"{total:,} in all." if total <= here else f"{total:,} in all; --after {last} goes on."
    return Text(more)
