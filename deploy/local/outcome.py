"""What became of submissions: reads decisions and queue items where the router wrote them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from pymongo import MongoClient
from pymongo.read_concern import ReadConcern

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Queued:
    """One item on one department's queue, by permanent code."""

    department: str
    role: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """One feedback: what the pipeline decided, and where it is."""

    feedback_id: str
    received_at: datetime
    areas: tuple[str, ...]
    abstained: str | None
    decided: frozenset[str]
    queued: tuple[Queued, ...]

    @property
    def arrived(self) -> bool:
        """Whether it is on the queue of every department that it was meant for, and on no other."""
        there = [item.department for item in self.queued]
        return bool(there) and sorted(there) == sorted(self.decided)

    @property
    def seconds(self) -> float:
        """From received to the last of its queues."""
        return (max(item.at for item in self.queued) - self.received_at).total_seconds()


class OutcomeReader:
    """Reads with majority, so that what it saw stays; close it after use."""

    def __init__(self, mongo_url: str, database: str) -> None:
        self._client: MongoClient[Document] = MongoClient(
            mongo_url, timeoutMS=10_000, tz_aware=True
        )
        self._database = self._client.get_database(database, read_concern=ReadConcern("majority"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def read(self, feedback_ids: Sequence[str]) -> list[Outcome]:
        """What is known of these by now; one that was not decided yet is left out."""
        received = self._received(feedback_ids)
        items = self._items(feedback_ids)
        first = {"_id": {"$in": [f"{one}:1" for one in feedback_ids]}}
        return [
            Outcome(
                feedback_id=decision["feedback_id"],
                received_at=received[decision["feedback_id"]],
                areas=tuple(area["area"] for area in decision["areas"]),
                abstained=decision["abstained"],
                decided=frozenset(one["department"] for one in decision["departments"]),
                queued=tuple(items.get(decision["feedback_id"], ())),
            )
            for decision in self._database["routing_decisions"].find(first)
            if decision["feedback_id"] in received
        ]

    def _received(self, feedback_ids: Sequence[str]) -> dict[str, datetime]:
        wanted = {"_id": {"$in": list(feedback_ids)}}
        documents = self._database["feedback"].find(wanted, {"received_at": 1})
        return {document["_id"]: document["received_at"] for document in documents}

    def _items(self, feedback_ids: Sequence[str]) -> dict[str, list[Queued]]:
        """Every item of these, whatever its department: ids begin with the feedback's id."""
        items: dict[str, list[Queued]] = {}
        ranges = [{"_id": {"$gte": f"{one}:", "$lt": f"{one};"}} for one in feedback_ids]
        for document in self._database["queue_items"].find({"$or": ranges}) if ranges else ():
            feedback_id = document["_id"].rpartition(":")[0]
            item = Queued(document["department"], document["role"], document["created_at"])
            items.setdefault(feedback_id, []).append(item)
        return items
