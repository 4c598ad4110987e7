"""The lifecycle of `item.py` in MongoDB's words: filters, update pipelines, results, indexes.

`$$NOW` is the server's clock, the same for a whole statement. What a client sent is only ever a
value of a filter, or wrapped in `$literal`: in a pipeline a leading `$` would name a field.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.queues.documents import UNPUBLISHED
from services.queues.item import BUCKETS, Result

Filter = dict[str, Any]
Pipeline = list[dict[str, Any]]

_IS_DUE = {"$lte": ["$visible_at", "$$NOW"]}

READY_INDEX = "ready"
INDEXES: Mapping[str, tuple[list[tuple[str, int]], Filter]] = {
    # candidates of a claim in the order of their turn; the count of a queue
    READY_INDEX: (
        [("department", 1), ("state", 1), ("bucket", 1), ("visible_at", 1)],
        {"state": "waiting"},
    ),
    # the oldest among those whose turn has moved because they were received before
    "received": (
        [("department", 1), ("state", 1), ("created_at", 1)],
        {"state": "waiting", "receive_count": {"$gte": 1}},
    ),
    "dead": ([("department", 1), ("state", 1), ("settlement.at", 1)], {"state": "dead"}),
    "discarded": ([("department", 1), ("state", 1), ("settlement.at", 1)], {"state": "discarded"}),
    "unpublished": ([("progress", 1), ("settlement.at", 1)], {"progress": UNPUBLISHED}),
}


def ready_in(department: str, buckets: Sequence[int]) -> Filter:
    """What a claim may take, by index; with several buckets, sort by `visible_at` to merge them."""
    return {
        "department": department,
        "state": "waiting",
        "bucket": {"$in": list(buckets)},
        "$expr": _IS_DUE,
    }


def claimable(ids: Sequence[str], most_receives: int) -> Filter:
    """Those of the candidates that are still ready and not received too often."""
    return _still_ready(ids) | {"receive_count": {"$lt": most_receives}}


def exhausted(ids: Sequence[str], most_receives: int) -> Filter:
    """Those of the candidates that are still ready and received too often."""
    return _still_ready(ids) | {"receive_count": {"$gte": most_receives}}


def _still_ready(ids: Sequence[str]) -> Filter:
    return {"_id": {"$in": list(ids)}, "state": "waiting", "$expr": _IS_DUE}


def leased(ids: Sequence[str], token: str) -> Filter:
    """What a claim got."""
    return {"_id": {"$in": list(ids)}, "lease.token": token}


def held(department: str, ids: Sequence[str], token: str) -> Filter:
    """Items whose last lease has this token, expired or not."""
    return {
        "_id": {"$in": list(ids)},
        "department": department,
        "state": "waiting",
        "lease.token": token,
        "lease.released": False,
    }


def held_still(department: str, ids: Sequence[str], token: str) -> Filter:
    """Items whose lease with this token has not expired."""
    return held(department, ids, token) | {"$expr": {"$gt": ["$lease.until", "$$NOW"]}}


def in_flight(department: str) -> Filter:
    """Leased items, by the end of the index where their turn is in the future."""
    return unsettled(department) | {
        "bucket": {"$in": list(range(BUCKETS))},
        "$expr": {"$gt": ["$visible_at", "$$NOW"]},
        "lease.released": False,
    }


def not_yet(department: str, now: datetime) -> Filter:
    """Items whose turn is in the future, leased or put back for later: by index keys alone."""
    return unsettled(department) | {
        "bucket": {"$in": list(range(BUCKETS))},
        "visible_at": {"$gt": now},
    }


def unsettled(department: str) -> Filter:
    """Waiting and leased items."""
    return {"department": department, "state": "waiting"}


def dead(department: str) -> Filter:
    """Dead items."""
    return {"department": department, "state": "dead"}


def first_in_line(department: str) -> tuple[tuple[Filter, str], tuple[Filter, str]]:
    """How the oldest item is found: the first by turn, and the first of those received before."""
    by_turn = unsettled(department) | {"bucket": {"$in": list(range(BUCKETS))}}
    received = unsettled(department) | {"receive_count": {"$gte": 1}}
    return (by_turn, "visible_at"), (received, "created_at")


def oldest(department: str) -> list[Pipeline]:
    """The ages in milliseconds of the first in line."""
    return [_age_of_first(only, order) for only, order in first_in_line(department)]


def _age_of_first(only: Filter, order: str) -> Pipeline:
    age = {"$subtract": ["$$NOW", "$created_at"]}
    return [{"$match": only}, {"$sort": {order: 1}}, {"$limit": 1}, {"$project": {"age": age}}]


def claim(token: str, seconds: float) -> Pipeline:
    """Leases from now on. `$set` merges into an old lease, so that every field is named."""
    until = _from_now(seconds)
    lease = {"token": token, "until": until, "released": False, "call": token}
    count = {"$add": ["$receive_count", 1]}
    return [{"$set": {"lease": lease, "visible_at": until, "receive_count": count}}]


def bury(call: str) -> Pipeline:
    """Ends items that were received too often."""
    count = {"$toString": "$receive_count"}
    reason = {"$concat": ["received ", count, " times without an acknowledgement"]}
    settlement = {"token": None, "at": "$$NOW", "call": call, "reason": reason}
    return [{"$set": {"state": "dead", "settlement": settlement}}]


def acknowledge(call: str) -> Pipeline:
    """Settles, and in the same write becomes due for publication."""
    settlement = {"token": "$lease.token", "at": "$$NOW", "call": call}
    return [{"$set": {"state": "settled", "settlement": settlement, "progress": UNPUBLISHED}}]


def dead_letter(call: str, reason: str) -> Pipeline:
    """Ends with the department's reason."""
    settlement = {
        "token": "$lease.token",
        "at": "$$NOW",
        "call": call,
        "reason": {"$literal": reason},
    }
    return [{"$set": {"state": "dead", "settlement": settlement}}]


def release(call: str, seconds: float) -> Pipeline:
    """Puts back."""
    changes = {"visible_at": _from_now(seconds), "lease.released": True, "lease.call": call}
    return [{"$set": changes}]


def give_back(call: str) -> Pipeline:
    """Puts back as if it had not been claimed, its turn by when it was queued."""
    count = {"$subtract": ["$receive_count", 1]}
    turn = {"visible_at": "$created_at", "receive_count": count}
    return [{"$set": turn | {"lease.released": True, "lease.call": call}}]


def extend(call: str, seconds: float) -> Pipeline:
    """Lets a lease last from now."""
    until = _from_now(seconds)
    return [{"$set": {"lease.until": until, "visible_at": until, "lease.call": call}}]


def result_of(document: Mapping[str, Any] | None, token: str, call: str) -> Result:
    """What a verb did to a lease, read from the item after it: each change bears its call's name.

    A release that another claim overtook before this reading says `lost`, which is true by then.
    """
    if document is None:
        return Result.UNKNOWN
    last: Mapping[str, Any] = document.get("settlement") or document.get("lease") or {}
    if last.get("token") != token:
        return Result.LOST
    if last.get("call") == call:
        return Result.DONE
    return Result.ALREADY_DONE if "settlement" in document else Result.LOST


def result_of_release(document: Mapping[str, Any] | None, token: str, call: str) -> Result:
    """As `result_of`; a lease that its holder released before is `already_done`."""
    result = result_of(document, token, call)
    lease = (document or {}).get("lease") or {}
    if result is Result.LOST and lease.get("token") == token and lease.get("released"):
        return Result.ALREADY_DONE
    return result


def _from_now(seconds: float) -> dict[str, Any]:
    return {"$add": ["$$NOW", round(seconds * 1000)]}
