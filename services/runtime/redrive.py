"""The headers of a redriven record: which dead letter it was, whence it came, for whom it is."""

from dataclasses import dataclass

from aiokafka import ConsumerRecord

REDRIVE_PREFIX = "frontline-redrive-"


@dataclass(frozen=True, slots=True)
class Redriven:
    """A dead letter that is sent to its topic again, for the group that gave it up.

    `topic`, `partition` and `offset` are where the record stood first, `count` says how often it
    has been redriven with this time, `name` is that of the redrive.
    """

    letter_id: str
    group: str
    topic: str
    partition: int
    offset: int
    count: int
    name: str

    def headers(self) -> list[tuple[str, bytes]]:
        """As the record carries it."""
        fields = {
            "id": self.letter_id,
            "group": self.group,
            "topic": self.topic,
            "partition": str(self.partition),
            "offset": str(self.offset),
            "count": str(self.count),
            "name": self.name,
        }
        return [(REDRIVE_PREFIX + name, value.encode()) for name, value in fields.items()]


def read_redriven(record: ConsumerRecord) -> Redriven | None:
    """What a record says of its redrive; `None` for one that was not redriven, or whose headers
    are not ours.
    """
    if not record.headers:
        return None
    found = {
        name[len(REDRIVE_PREFIX) :]: value
        for name, value in record.headers
        if name.startswith(REDRIVE_PREFIX) and value is not None
    }
    if not found:
        return None
    try:
        text = {name: value.decode() for name, value in found.items()}
        return Redriven(
            text["id"],
            text["group"],
            text["topic"],
            int(text["partition"]),
            int(text["offset"]),
            int(text["count"]),
            text["name"],
        )
    except (KeyError, ValueError):
        return None
