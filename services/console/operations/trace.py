"""`trace`: each hop of one item, from its submission to its acknowledgements."""

import re
from collections.abc import Sequence
from dataclasses import replace

from schemas.codec import UnreadableEvent, decode
from schemas.envelope import FeedbackReceived
from schemas.topics import CONSUMED
from schemas.tracing import read_traceparent
from services.audit.audit_store import MongoAuditLog
from services.console.connections import Connections
from services.console.errors import NotFound, WrongInput
from services.console.journey import Journey, decision_made, stage_hop
from services.console.operations.text_access import may_read
from services.console.operator import Operator
from services.deadletters.dead_letter_store import MongoDeadLetterStore
from services.deadletters.index import DeadLetterIndex
from services.deadletters.letter import DeadLetter
from services.queues.item_history import ItemHistory
from services.queues.item_history_store import MongoItemHistories
from services.receipts.receipt_store import MongoReceiptStore
from services.routing.decision_store import MongoDecisionStore
from services.runtime.errors import Unavailable
from services.tracing.hop_store import MongoHopStore

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_REFERENCE = re.compile(r"[0-9A-Z]{8}")


async def trace_item(
    connections: Connections,
    wanted: str,
    *,
    operator: Operator,
    text: bool = False,
    reason: str = "",
) -> Journey:
    """Everything that is known of the item with this reference or id.

    With `text` also what the organisation wrote: only for a key that reads text, with a reason, and
    audited. Raises `WrongInput`, `NotFound`, `NotAllowed`, and `Unavailable` while MongoDB is away;
    without Kafka the newest dead letters are missing, which `gaps` says.
    """
    why = may_read(operator, reason) if text else ""
    feedback_id = await _find(connections, wanted)
    journey = await _read(connections, feedback_id)
    if not journey.is_known:
        raise NotFound(f"Nothing is known of {wanted.strip()}: check it, and whether it is too old")
    if not text:
        return journey
    await MongoAuditLog(connections.database).append(
        by=operator.name, action="trace.text", subject=feedback_id, reason=why
    )
    return await _with_text(connections, journey)


def read_name(wanted: str) -> str:
    """An id or a reference as it is stored; people may write it with blanks or in small letters.

    Raises `WrongInput`.
    """
    text = wanted.strip()
    if _ID.fullmatch(text.lower()):
        return text.lower()
    reference = re.sub(r"[\s-]", "", text).upper()
    if _REFERENCE.fullmatch(reference):
        return reference
    raise WrongInput(
        "That is neither a reference, which is 8 letters and digits such as Q3NYCFNS,"
        " nor the id of a feedback"
    )


async def _find(connections: Connections, wanted: str) -> str:
    name = read_name(wanted)
    if _ID.fullmatch(name):
        return name
    receipt = await MongoReceiptStore(connections.database).by_reference(name)
    if receipt is None:
        raise NotFound(f"There is no feedback with the reference {name}: check it")
    return receipt.id


async def _read(connections: Connections, feedback_id: str) -> Journey:
    database, prefix = connections.database, connections.settings.topic_prefix
    kept = await MongoReceiptStore(database).whole(feedback_id)
    receipt, published_at = kept if kept else (None, None)
    event = _event(receipt.event) if receipt else None
    letters, gaps = await _dead_letters(connections, feedback_id)
    items = await MongoItemHistories(database).of(feedback_id)
    traceparents = [event.traceparent if event else None, *(each.traceparent for each in items)]
    return Journey(
        id=feedback_id,
        reference=receipt.reference if receipt else None,
        trace_id=_trace_id(traceparents),
        organisation=receipt.organisation if receipt else None,
        accepted_at=receipt.accepted_at if receipt else None,
        published_at=published_at,
        hops=tuple(stage_hop(hop, prefix) for hop in await MongoHopStore(database).of(feedback_id)),
        decisions=tuple(
            decision_made(each) for each in await MongoDecisionStore(database).of(feedback_id)
        ),
        items=tuple(_without_their_words(each) for each in items),
        dead_letters=tuple(letters),
        gaps=tuple(gaps),
    )


async def _dead_letters(
    connections: Connections, feedback_id: str
) -> tuple[Sequence[DeadLetter], list[str]]:
    """The item's dead letters, and what is missing of them when Kafka is away."""
    prefix = connections.settings.topic_prefix
    store = MongoDeadLetterStore(connections.database)
    topics = [prefix + topic.name for topic in CONSUMED]
    gaps = []
    try:
        await DeadLetterIndex(connections.browser, store, topics).catch_up()
    except Unavailable as error:
        if str(error).startswith("MongoDB"):
            raise
        gaps.append(f"The newest dead letters are missing: {error}")
    return await store.of_feedback(feedback_id), gaps


async def _with_text(connections: Connections, journey: Journey) -> Journey:
    """The journey with what the organisation wrote, and what departments noted."""
    kept = await MongoReceiptStore(connections.database).whole(journey.id)
    event = _event(kept[0].event) if kept else None
    items = tuple(await MongoItemHistories(connections.database).of(journey.id))
    return replace(journey, text=event.data.text if event else None, items=items)


def _without_their_words(item: ItemHistory) -> ItemHistory:
    """A department's note may quote the feedback."""
    return replace(item, note=None) if item.note_is_theirs else item


def _event(payload: bytes) -> FeedbackReceived | None:
    try:
        return decode(payload, FeedbackReceived)
    except UnreadableEvent:
        return None


def _trace_id(traceparents: Sequence[str | None]) -> str | None:
    spans = (read_traceparent(each) for each in traceparents)
    return next((span.trace_id for span in spans if span), None)
