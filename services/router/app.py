"""Composes the router from its parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from starlette.applications import Starlette
from starlette.types import ASGIApp

from schemas.codec import decode
from schemas.departments import load_departments
from schemas.envelope import FeedbackTagged
from schemas.feedback import Feedback
from schemas.routing import ChosenDepartment
from schemas.tagging import Tagging
from schemas.topics import ROUTED
from services.queues.mongo_store import MongoQueueStore
from services.router.handler import RoutingHandler
from services.router.settings import RouterSettings
from services.routing.decision_store import MongoDecisionStore
from services.routing.rulebook import load_rules
from services.routing.rules import choose_departments
from services.runtime.kafka import Producer
from services.runtime.mongo import connect
from services.runtime.process import Process
from services.runtime.web import ProblemBoundary, process_routes
from services.stages.control_store import MongoControls
from services.stages.report_store import MongoReports
from services.stages.reporter import Reporter
from services.stages.stage import ROUTER
from services.stages.subscribing import Subscribing
from services.tracing.tracing import build_tracing


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def build_app(settings: RouterSettings, process: Process) -> ASGIApp:
    """Tagged feedback in, decisions and queue items in MongoDB, routed events out."""
    client, database = connect(settings)
    producer = Producer(settings, process.name, process.metrics)
    rules, departments = load_rules(), load_departments()

    def choose(tagging: Tagging, feedback: Feedback) -> tuple[ChosenDepartment, ...]:
        return choose_departments(tagging, feedback, rules, departments, on=now().date())

    handler = RoutingHandler(
        choose,
        rules.version,
        MongoDecisionStore(database),
        MongoQueueStore(database),
        producer.publish,
        settings.topic_prefix + ROUTED.name,
        now,
        process.metrics,
    )
    tracing = build_tracing(settings, process, database)
    subscribing = Subscribing(
        settings,
        producer,
        process,
        MongoControls(database),
        settings.drain_seconds,
        tracing.observer_of,
    )
    subscriber = subscribing.to(ROUTER, partial(decode, model=FeedbackTagged), handler.handle)
    reporter = Reporter(process, MongoReports(database))

    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        database_guard = process.guarded_database(client, settings)
        async with database_guard, reporter, tracing, producer, subscriber:
            yield

    app = Starlette(routes=process_routes(process.health, process.metrics), lifespan=running)
    return ProblemBoundary(app, process.metrics)
