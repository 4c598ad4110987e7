"""Composes intake from its parts."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from fastapi import FastAPI
from starlette.types import ASGIApp

from schemas.codec import decode
from schemas.departments import load_departments
from schemas.envelope import FeedbackProgressed, FeedbackRouted
from schemas.policy_areas import load_policy_areas
from schemas.topics import RECEIVED
from services.accounts.authentication import Authenticator
from services.accounts.key_store import MongoKeyStore
from services.intake import openapi
from services.intake.acceptance import Acceptance
from services.intake.express import Express
from services.intake.publisher import Publisher
from services.intake.receipts import Receipts
from services.intake.relay import Relay
from services.intake.routes import FEEDBACK_PATH, SubmissionRoutes, TrackingRoutes
from services.intake.settings import IntakeSettings
from services.intake.submission_spans import SubmissionSpans
from services.intake.submissions import REFERENCES, write_reference
from services.intake.tracking import Tracking
from services.intake.tracking_store import MongoTrackingStore
from services.receipts.receipt_store import MongoReceiptStore
from services.runtime.kafka import Producer
from services.runtime.mongo import connect
from services.runtime.process import Process
from services.runtime.web import ProblemBoundary, handle_problems, process_routes
from services.stages.control_store import MongoControls
from services.stages.report_store import MongoReports
from services.stages.reporter import Reporter
from services.stages.stage import TRACKING_PROGRESSED, TRACKING_ROUTED
from services.stages.subscribing import Subscribing
from services.tracing.tracing import build_tracing


def now() -> datetime:
    """The time in UTC, as precise as the database keeps it."""
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def draw_id() -> str:
    """A random feedback id, for a submission without a key."""
    return str(uuid4())


def draw_reference() -> str:
    """A random reference; it opens nothing, so it need not be hard to guess."""
    return write_reference(random.randrange(REFERENCES))


def build_app(settings: IntakeSettings, process: Process) -> ASGIApp:
    """Submissions in, receipts in MongoDB, received events out; news of them in, history out."""
    client, database = connect(settings)
    tracing = build_tracing(settings, process, database)
    producer = Producer(settings, process.name, process.metrics)
    departments = load_departments()
    authenticator = Authenticator(MongoKeyStore(database))
    store, tracking_store = MongoReceiptStore(database), MongoTrackingStore(database)
    receipts = Receipts(store, draw_reference)
    topic = settings.topic_prefix + RECEIVED.name
    publisher = Publisher(producer.publish, store, topic, process.metrics)
    relay = Relay(store, publisher, settings, process, now)
    acceptance = Acceptance(
        receipts,
        publisher,
        load_policy_areas(),
        departments,
        now,
        draw_id,
        process.metrics,
        SubmissionSpans(tracing.spans, now).tell if tracing.spans else None,
    )
    tracking = Tracking(tracking_store)

    subscribing = Subscribing(
        settings,
        producer,
        process,
        MongoControls(database),
        settings.drain_seconds,
        tracing.observer_of,
    )
    # without news of feedback, and without Kafka altogether, submissions are taken all the same
    routed = subscribing.to(
        TRACKING_ROUTED, partial(decode, model=FeedbackRouted), tracking.note_routed
    )
    progressed = subscribing.to(
        TRACKING_PROGRESSED, partial(decode, model=FeedbackProgressed), tracking.note_progressed
    )
    reporter = Reporter(process, MongoReports(database))

    for each in (routed, progressed):
        process.health.spare(each.part)

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        database_guard = process.guarded_database(client, settings)
        async with database_guard, reporter, tracing, producer, publisher, relay:
            async with routed, progressed:
                yield
            await receipts.drain()

    return build_api(
        SubmissionRoutes(authenticator, acceptance, settings),
        TrackingRoutes(authenticator, store, tracking_store, departments),
        process,
        running,
    )


def build_api(
    submitting: SubmissionRoutes,
    reading: TrackingRoutes,
    process: Process,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
) -> ASGIApp:
    """The HTTP side: operations and their description, health, problems."""
    app = FastAPI(
        title="Frontline intake",
        version=process.version,
        lifespan=lifespan,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        routes=[*process_routes(process.health, process.metrics)],
    )
    one, many = FEEDBACK_PATH, f"{FEEDBACK_PATH}/batch"
    app.add_api_route(one, submitting.submit_feedback, methods=["POST"], **openapi.submit_one())
    app.add_api_route(many, submitting.submit_batch, methods=["POST"], **openapi.submit_many())
    app.add_api_route(
        f"{FEEDBACK_PATH}/{{feedback_id:uuid}}", reading.read_feedback, **openapi.read_one()
    )
    openapi.describe(app)
    handle_problems(app)
    return ProblemBoundary(Express(app, one, many), process.metrics)
