"""The shape of `dead_letters` and `redrives` in MongoDB: documents built, and read back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from services.deadletters.filter import filter_document, read_filter
from services.deadletters.letter import Claim, DeadLetter, Discard, State
from services.deadletters.redrive import JobState, Redrive

Document = dict[str, Any]


def letter_document(letter: DeadLetter) -> Document:
    """A letter by its names; its id is `_id`."""
    document = asdict(letter)
    document["_id"] = document.pop("id")
    document["state"] = str(letter.state)
    document["claims"] = list(document["claims"])
    return document


def read_row(row: Mapping[str, Any]) -> DeadLetter:
    """A stored letter."""
    fields = dict(row)
    fields["id"] = fields.pop("_id")
    fields["state"] = State(fields["state"])
    fields["claims"] = tuple(Claim(**each) for each in fields["claims"])
    if fields["discard"] is not None:
        fields["discard"] = Discard(**fields["discard"])
    return DeadLetter(**fields)


def redrive_document(redrive: Redrive, key: str) -> Document:
    """A redrive by its names; its name is `_id`. Beside them a row has what only its holder needs,
    `holder` and `marks`, and `key`: the likeness of the filter that was given.
    """
    document = asdict(redrive)
    document["_id"] = document.pop("name")
    document["state"] = str(redrive.state)
    document["only"] = filter_document(redrive.only)
    return document | {"key": key, "holder": None, "marks": []}


def read_redrive(row: Mapping[str, Any]) -> Redrive:
    """A stored redrive."""
    fields = {name: value for name, value in row.items() if name not in _HOLDERS_OWN}
    fields["name"] = fields.pop("_id")
    fields["state"] = JobState(fields["state"])
    fields["only"] = read_filter(fields["only"])
    return Redrive(**fields)


_HOLDERS_OWN = frozenset({"key", "holder", "marks"})
