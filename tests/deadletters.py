"""Dead letters for tests: built as consumers write them, and a Kafka in memory to redrive on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

from aiokafka import ConsumerRecord
from pydantic import SecretStr

from services.deadletters import dead_letter_store, redrive_store
from services.deadletters.dead_letter_store import MongoDeadLetterStore
from services.deadletters.filter import Filter, likeness
from services.deadletters.index import DeadLetterIndex
from services.deadletters.letter import DeadLetter, read_letter
from services.deadletters.redrive import Redrive
from services.deadletters.redrive_store import MongoRedriveStore
from services.deadletters.redriving import Kafka, Redriving
from services.runtime.deadletter import Failure, dead_letter
from services.runtime.errors import ConsumeError, Permanent
from services.runtime.kafka import Record
from services.runtime.mongo import Database, connect
from services.runtime.redrive import Redriven, read_redriven
from services.runtime.settings import MongoSettings
from tests.builders import NOON, feedback_id, record

TOPIC = "feedback.received"
GROUP = "classifier"
TOPICS = (TOPIC, "feedback.tagged")


def dying_record(number: int = 1, *, partition: int = 0, **changes: Any) -> ConsumerRecord:
    """The n-th record of a topic, which stands at that offset."""
    fields: dict[str, Any] = {
        "offset": number,
        "key": feedback_id(number).encode(),
        "partition": partition,
        "headers": (("traceparent", b"00-1"),),
    }
    return record(b"value %d" % number, **(fields | changes))


def dead_record(
    number: int = 1,
    *,
    at: int = 0,
    error: ConsumeError | None = None,
    group: str = GROUP,
    version: str = "1",
    minutes: float = 0,
    origin: ConsumerRecord | None = None,
    **changes: Any,
) -> ConsumerRecord:
    """The record of a `.dead` topic at the offset `at` that the n-th record became."""
    died = NOON + timedelta(minutes=minutes)
    failure = Failure(
        origin or dying_record(number, **changes),
        error or Permanent("a rule has no department"),
        1,
        died,
        died,
    )
    return place(dead_letter(failure, group, "classifier", version), failure.record.partition, at)


def place(published: Record, partition: int, offset: int) -> ConsumerRecord:
    """A published record as a consumer gets it."""
    return record(
        published.value,
        offset=offset,
        key=published.key,
        topic=published.topic,
        partition=partition,
        headers=tuple(published.headers),
    )


def letter(number: int = 1, **changes: Any) -> DeadLetter:
    return read_letter(dead_record(number, **changes))


def died_after_redrive(known: DeadLetter, *, at: int, **changes: Any) -> ConsumerRecord:
    """The dead letter of a redriven record that the same group gave up again."""
    redriven = Redriven(
        known.id, known.group, known.topic, known.partition, known.offset, known.redrives, "first"
    )
    again = record(b"again", offset=900 + at, headers=tuple(redriven.headers()))
    return dead_record(origin=again, at=at, group=known.group, **changes)


class MemoryKafka:
    """Topics as lists; it is the browser and the producer. `fail` is called before and after."""

    def __init__(self) -> None:
        self.logs: dict[tuple[str, int], list[ConsumerRecord]] = {}
        self.begins: dict[tuple[str, int], int] = {}
        self.clear()

    def clear(self) -> None:
        self.begins.clear()
        for topic in TOPICS:
            for name in (topic, topic + ".dead"):
                for partition in range(2):
                    self.logs[name, partition] = []

    def put(self, published: Record, partition: int | None = None) -> None:
        number = published.partition if partition is None else partition
        log = self.logs[published.topic, number or 0]
        log.append(place(published, number or 0, len(log)))

    def bury(self, died: ConsumerRecord) -> None:
        """Puts a dead letter into its topic, wherever it comes to stand."""
        self.put(Record(died.topic, died.key, died.value, died.headers), died.partition)

    def redriven(self, topic: str = TOPIC) -> list[tuple[str, int]]:
        """Letter id and count of all redriven records of a topic."""
        return [
            (found.letter_id, found.count)
            for (name, _), log in self.logs.items()
            for each in log
            if name == topic and (found := read_redriven(each)) is not None
        ]

    async def ends(self, topic: str) -> dict[int, int]:
        return {part: len(log) for (name, part), log in self.logs.items() if name == topic}

    async def beginnings(self, topic: str) -> dict[int, int]:
        return {part: self.begins.get((topic, part), 0) for part in await self.ends(topic)}

    async def one(self, topic: str, partition: int, offset: int) -> ConsumerRecord | None:
        log = self.logs[topic, partition]
        begin = self.begins.get((topic, partition), 0)
        return log[offset] if begin <= offset < len(log) else None

    async def read(
        self, topic: str, starts: Mapping[int, int], ends: Mapping[int, int]
    ) -> AsyncIterator[ConsumerRecord]:
        for part in sorted(starts.keys() & ends.keys()):
            begin = max(starts[part], self.begins.get((topic, part), 0))
            for each in self.logs[topic, part][begin : ends[part]]:
                yield each

    async def publish(self, records: Sequence[Record]) -> None:
        for each in records:
            self.put(each)


class Killed(BaseException):
    """The process is gone: nothing of it does anything any more."""


class Fate:
    """Kills a process at its n-th touch of the outside; `None` lets it live."""

    def __init__(self, after: int | None) -> None:
        self.left = after

    def touch(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed


class Mortal:
    """Stands before a store, browser or producer: each call may be the last, before it or after."""

    def __init__(self, real: Any, fate: Fate) -> None:
        self._real = real
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._real, name)
        if name == "read":
            return call

        async def touched(*args: Any, **named: Any) -> Any:
            self._fate.touch()
            if name == "publish":
                await self._publish(*args)
                return None
            answer = await call(*args, **named)
            self._fate.touch()
            return answer

        return touched

    async def _publish(self, records: Sequence[Record]) -> None:
        """Some records may arrive without others."""
        for each in records:
            await self._real.publish([each])
            self._fate.touch()


@asynccontextmanager
async def desk_on(mongo_url: str, mongo_database: str) -> AsyncIterator["Desk"]:
    settings = MongoSettings(
        mongo_url=SecretStr(mongo_url), mongo_database=mongo_database, mongo_timeout_seconds=20
    )
    client, database = connect(settings)
    try:
        await dead_letter_store.ensure_indexes(database, timedelta(days=90))
        await redrive_store.ensure_indexes(database)
        yield Desk(database)
    finally:
        client.close()


class Desk:
    """Everything that works on dead letters, on a real MongoDB and a Kafka in memory."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.kafka = cast(Any, MemoryKafka())  # stands in for browser and producer
        self.letters = MongoDeadLetterStore(database)
        self.redrives = MongoRedriveStore(database)
        self.index = DeadLetterIndex(self.kafka, self.letters, TOPICS)

    def redriving(
        self,
        fate: Fate | None = None,
        holder: str = "one",
        most_bytes: int = 1_000_000,
        **more: Any,
    ) -> Redriving:
        """A process that redrives, until its fate reaches it."""

        def mortal(part: Any) -> Any:
            return Mortal(part, fate) if fate else part

        kafka = mortal(self.kafka)
        return Redriving(
            mortal(self.letters),
            mortal(self.redrives),
            Kafka(kafka, kafka, most_bytes),
            holder,
            lambda: NOON,
            **more,
        )

    async def order(self, name: str = "first", only: Filter | None = None, **more: Any) -> Redrive:
        """Orders a redrive of whatever waits."""
        fields: dict[str, Any] = {"rate": None, "most": None, "expected": 0} | more
        redrive = Redrive(name, "olga", "mended", only or Filter(), NOON, **fields)
        assert await self.redrives.create(redrive, likeness(redrive.only))
        return redrive

    async def end_leases(self) -> None:
        """Lets the leases of whoever was killed run out."""
        past = [{"$set": {"held_until": {"$subtract": ["$$NOW", 1]}}}]
        await self.database["redrives"].update_many({}, past)

    async def clear(self) -> None:
        """Begins anew."""
        for name in ("dead_letters", "dead_letter_marks", "redrives"):
            await self.database[name].delete_many({})
        self.kafka.clear()

    async def bury(self, *died: ConsumerRecord) -> None:
        """Writes dead letters and indexes them."""
        for each in died:
            self.kafka.bury(each)
        await self.index.catch_up()
