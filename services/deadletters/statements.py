"""The lifecycle of `letter.py` in MongoDB's words: conditions and changes of `dead_letters`."""

from datetime import datetime
from typing import Any

from services.deadletters.documents import letter_document
from services.deadletters.letter import CLAIMABLE, ENDED, REPEATED_WITHIN, DeadLetter, State

Document = dict[str, Any]

_OPEN = str(State.REDRIVING)
_SENT = [_OPEN, str(State.REDRIVEN)]


def death(letter: DeadLetter) -> tuple[Document, Document]:
    """`letter.died_again` as a condition, and what a new death changes. The count of redrives never
    falls: records of earlier ones may still be on their topic.
    """
    row = letter_document(letter)
    if letter.redrives:
        kept = {"_id", "first_at", "claims"}
        last = {"redrives": letter.redrives, "state": {"$in": _SENT}}
        dies: Document = {"$or": [{"redrives": {"$lt": letter.redrives}}, last]}
    else:
        kept = {"_id", "claims", "redrives"}
        before = letter.first_at - REPEATED_WITHIN
        dies = {"state": {"$in": [str(state) for state in ENDED]}, "last_at": {"$lt": before}}
    changes = {name: value for name, value in row.items() if name not in kept}
    return {"_id": letter.id} | dies, {"$set": changes}


def claimable(redrive: str) -> Document:
    """Letters that a redrive may take: never what it took before, or what can never be sent."""
    return {
        "state": {"$in": [str(state) for state in CLAIMABLE]},
        "claims.redrive": {"$ne": redrive},
        "unsendable": None,
    }


def claim(redrive: str, now: datetime) -> list[Document]:
    """Takes a letter for a redrive. In a pipeline a leading `$` in a name would name a field."""
    count = {"$add": ["$redrives", 1]}
    last = {"redrive": {"$literal": redrive}, "count": count, "at": now, "failed": None}
    changes = {
        "state": _OPEN,
        "redrives": count,
        "claims": {"$concatArrays": ["$claims", [last]]},
        "ended_at": None,
        "discard": None,
    }
    return [{"$set": changes}]


def claimed(redrive: str) -> Document:
    """Letters whose open claim is this redrive's: of an open letter it is the last."""
    last = {"$eq": [{"$last": "$claims.redrive"}, {"$literal": redrive}]}
    return {"state": _OPEN, "claims.redrive": redrive, "$expr": last}


def as_claimed(letter: DeadLetter) -> Document:
    """This letter, if its claim is still the one that it was read with."""
    return {"_id": letter.id, "state": _OPEN, "redrives": letter.redrives}
