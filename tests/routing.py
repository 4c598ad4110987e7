"""A router on the real broker and database, for tests of what a repeated or cut-off write does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from schemas.codec import encode
from schemas.feedback import Feedback
from schemas.routing import ChosenDepartment, Role
from schemas.tagging import Tagging
from schemas.topics import ROUTED, TAGGED
from services.queues.mongo_store import MongoQueueStore
from services.queues.store import QueueStore
from services.router.handler import Choose, RoutingHandler
from services.routing.decision_store import MongoDecisionStore
from services.runtime.kafka import Producer
from services.runtime.metrics import Metrics
from services.runtime.mongo import Database
from services.runtime.process import Process
from tests.builders import feedback_id, tagged
from tests.delivery import Topic


def choose(*codes: str) -> Choose:
    """Rules that choose the same departments whatever the feedback, the first as lead."""

    def rules(tagging: Tagging, feedback: Feedback) -> tuple[ChosenDepartment, ...]:
        return tuple(
            ChosenDepartment(
                department=code,
                role=Role.LEAD if place == 0 else Role.COPIED,
                rule=f"test/{code.lower()}",
                because="A test says so.",
            )
            for place, code in enumerate(codes)
        )

    return rules


class Road:
    """The tagged topic, the routed topic, and the queues between them."""

    def __init__(self, servers: str, prefix: str, database: Database) -> None:
        self.tagged = Topic(servers, prefix, TAGGED)
        self.routed = Topic(servers, prefix, ROUTED)
        self.database = database
        self.queues: QueueStore = MongoQueueStore(database)

    async def create(self) -> None:
        await self.tagged.create()
        await self.routed.create()

    async def write_tagged(self, numbers: range, *areas: str) -> None:
        await self.tagged.write(
            [(feedback_id(n).encode(), encode(tagged(n, *areas)), ()) for n in numbers]
        )

    @asynccontextmanager
    async def router(
        self, rules: Choose, version: str = "1", queues: QueueStore | None = None
    ) -> AsyncIterator[Process]:
        """Runs the router's handler with these rules."""
        settings = self.tagged.settings()
        async with Producer(settings, "router", Metrics()) as producer:
            handler = RoutingHandler(
                rules,
                version,
                MongoDecisionStore(self.database),
                queues or self.queues,
                producer.publish,
                self.routed.name,
                lambda: datetime.now(UTC),
                Metrics(),
            )
            async with self.tagged.subscribed(handler.handle) as process:
                yield process

    async def items(self) -> dict[str, dict[str, Any]]:
        """Every queue item by id."""
        found = await self.database["queue_items"].find().to_list(None)
        return {each["_id"]: each for each in found}

    async def snapshot(self) -> dict[str, list[dict[str, Any]]]:
        """Every document of the router's collections, in order of ids."""
        names = ("routing_decisions", "feedback", "queue_items")
        return {
            name: await self.database[name].find().sort("_id", 1).to_list(None) for name in names
        }
