"""Plants faults in a pipeline that stands still: what `verify` has to find by name."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.codec import encode
from services.audit.audit_store import MongoAuditLog
from services.deadletters.documents import letter_document
from services.deadletters.letter import Claim, DeadLetter, State
from services.runtime.deadletter import Failure, dead_letter, dead_letter_id
from services.runtime.errors import Permanent
from services.stages.stage import Stage
from tests.builders import feedback_id, received, record, reference, tagged
from tests.pipeline import Pipeline

LONG_AGO = timedelta(seconds=30)
_FIRST = 1_000  # numbers of feedbacks that no other part of a test uses


class Planter:
    """Each method plants one fault on a feedback of its own, and returns that one's id."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.database = pipeline.database
        self._prefix = pipeline.topic_prefix
        self._next = _FIRST
        self.at = datetime.now(UTC) - LONG_AGO

    async def receipt(self, *, published: bool) -> int:
        """A receipt of which nothing else is anywhere."""
        self._next += 1
        await self.database["receipts"].insert_one(
            {
                "_id": feedback_id(self._next),
                "reference": reference(self._next),
                "organisation": "org-1",
                "fingerprint": b"",
                "event": encode(received(self._next)),
                "accepted_at": self.at,
                "published_at": self.at if published else None,
            }
        )
        return self._next

    async def received(self) -> int:
        """An accepted feedback that the classifier has not read."""
        number = await self.receipt(published=True)
        await self.write("feedback.received", feedback_id(number), encode(received(number)))
        return number

    async def tagged(self) -> int:
        """One that the router has not read."""
        number = await self.received()
        await self.write("feedback.tagged", feedback_id(number), encode(tagged(number)))
        return number

    async def write(self, topic: str, key: str, value: bytes, headers: Any = ()) -> None:
        """A record, as old as what is planted."""
        producer = AIOKafkaProducer(bootstrap_servers=self.pipeline.kafka_servers, acks="all")
        async with producer:
            await producer.send_and_wait(
                self._prefix + topic,
                value,
                key.encode(),
                timestamp_ms=int(self.at.timestamp() * 1000),
                headers=list(headers),
            )

    async def read_over(self, stage: Stage) -> None:
        """Lets a stage's group pass everything on its topic, as if it had handled it."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.pipeline.kafka_servers,
            group_id=stage.group_name(self._prefix),
            enable_auto_commit=False,
        )
        async with consumer:
            topic = stage.topic_name(self._prefix)
            parts = [TopicPartition(topic, each) for each in range(stage.topic.partitions)]
            consumer.assign(parts)
            while True:
                try:
                    await consumer.commit(await consumer.end_offsets(parts))
                except Exception:  # noqa: BLE001 - the killed member has not been missed yet
                    await asyncio.sleep(0.5)
                else:
                    return

    async def dead(self, number: int, stage: Stage) -> str:
        """Lays a feedback among the dead letters of a stage, as its consumer would have."""
        topic, group = stage.topic_name(self._prefix), stage.group_name(self._prefix)
        given_up = record(encode(received(number)), topic=topic, key=feedback_id(number).encode())
        failure = Failure(given_up, Permanent("planted"), 1, self.at, self.at)
        made = dead_letter(failure, group, stage.service, "test")
        await self.write(
            f"{stage.topic.name}.dead", feedback_id(number), made.value or b"", made.headers
        )
        return dead_letter_id(topic, 0, 0, group)

    async def letter(self, number: int, stage: Stage, state: State) -> str:
        """A row of the index for a letter that a redrive took."""
        topic, group = stage.topic_name(self._prefix), stage.group_name(self._prefix)
        letter = DeadLetter(
            id=dead_letter_id(topic, 1, number, group),
            topic=topic,
            partition=1,
            offset=number,
            group=group,
            feedback_id=feedback_id(number),
            error="Permanent",
            reason="planted",
            attempts=1,
            first_at=self.at,
            last_at=self.at,
            service=stage.service,
            version="test",
            size=1,
            dead_partition=1,
            dead_offset=number,
            redrives=1,
            state=state,
            claims=(Claim("planted", 1, self.at),),
            ended_at=self.at if state is State.REDRIVEN else None,
        )
        await self.database["dead_letters"].insert_one(letter_document(letter))
        return letter.id

    async def items(self, identity: str) -> list[dict[str, Any]]:
        """A feedback's queue items."""
        found = self.database["queue_items"].find({"_id": {"$regex": f"^{identity}:"}})
        return await found.sort("_id", 1).to_list(None)

    async def change_item(self, name: str, **changes: Any) -> None:
        """Sets fields of a queue item."""
        await self.database["queue_items"].update_one({"_id": name}, {"$set": changes})

    async def tamper_with_audit(self) -> int:
        """Writes two entries and changes the first."""
        log = MongoAuditLog(self.database)
        for reason in ("first", "second"):
            entry = await log.append(by="t", action="stage.pause", subject="router", reason=reason)
        await self.database["audit"].update_one({"_id": entry.seq - 1}, {"$set": {"by": "nobody"}})
        return entry.seq - 1
