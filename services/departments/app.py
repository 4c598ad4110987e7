"""Composes the departments service from its parts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from secrets import randbelow

from fastapi import FastAPI
from starlette.types import ASGIApp

from schemas.departments import load_departments
from schemas.policy_areas import load_policy_areas
from schemas.topics import PROGRESSED
from services.accounts.authentication import Authenticator
from services.accounts.key_store import MongoKeyStore
from services.departments import openapi, progress, stream_log
from services.departments.access import Access
from services.departments.progress import ProgressPublisher
from services.departments.progress_spans import ProgressSpans
from services.departments.projection import Projection
from services.departments.routes import QUEUE_PATH, QueueRoutes
from services.departments.settings import DepartmentsSettings
from services.departments.stream_store import MongoStreamLog
from services.departments.streams import STREAMS_PATH, StreamRoutes
from services.departments.tail import Tail
from services.queues.item import BUCKETS
from services.queues.mongo_store import MongoQueueStore
from services.queues.outbox_store import MongoProgressOutbox
from services.queues.pullers import Pullers
from services.runtime.kafka import Producer
from services.runtime.mongo import connect
from services.runtime.process import Process
from services.runtime.web import ProblemBoundary, handle_problems, process_routes
from services.stages.control_store import MongoControls
from services.stages.report_store import MongoReports
from services.stages.reporter import Reporter
from services.stages.stage import STREAMS
from services.stages.subscribing import Subscribing
from services.tracing.tracing import build_tracing


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


def build_app(settings: DepartmentsSettings, process: Process) -> ASGIApp:
    """Queues out of MongoDB by API; routed events in, streams out; acknowledgements published."""
    client, database = connect(settings)
    tracing = build_tracing(settings, process, database)
    producer = Producer(settings, process.name, process.metrics)
    access = Access(Authenticator(MongoKeyStore(database)), load_departments(), today)
    store = MongoQueueStore(
        database, most_receives=settings.most_receives, first_bucket=randbelow(BUCKETS)
    )
    pullers = Pullers(store, poll_seconds=settings.queue_poll_seconds)
    publisher = ProgressPublisher(
        MongoProgressOutbox(database),
        producer.publish,
        settings.topic_prefix + PROGRESSED.name,
        settings.progress_poll_seconds,
        process.health.watch("progress", progress.STALLED_SECONDS),
        ProgressSpans(tracing.spans).tell if tracing.spans else None,
    )
    entries = MongoStreamLog(database, timedelta(days=settings.stream_retention_days))
    tail = Tail(
        entries, settings.stream_poll_seconds, settings.stream_buffer_events, process.health
    )
    subscribing = Subscribing(
        settings,
        producer,
        process,
        MongoControls(database),
        settings.drain_seconds,
        tracing.observer_of,
    )
    subscriber = subscribing.to(
        STREAMS,
        stream_log.read_entry,
        Projection(entries, tail.nudge).handle,
        stream_log.locate,
    )
    # queues are worked without Kafka, and while the streams are held
    process.health.spare(subscriber.part)
    reporter = Reporter(process, MongoReports(database))
    queues = QueueRoutes(access, store, pullers, settings, process.metrics, publisher.wake)
    streams = StreamRoutes(
        access, entries, tail, load_policy_areas(), settings, process.stopping, process.metrics
    )

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        ending = asyncio.create_task(_end_waits(process.stopping, pullers, tail))
        database_guard = process.guarded_database(client, settings)
        async with database_guard, reporter, tracing, producer, publisher, tail, subscriber:
            yield
        ending.cancel()

    app = FastAPI(
        title="Frontline departments",
        version=process.version,
        lifespan=running,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        routes=[*process_routes(process.health, process.metrics)],
    )
    _add_routes(app, queues, streams)
    openapi.describe(app)
    handle_problems(app)
    return ProblemBoundary(app, process.metrics)


def _add_routes(app: FastAPI, queues: QueueRoutes, streams: StreamRoutes) -> None:
    verbs = {
        "receive": queues.receive,
        "acknowledge": queues.acknowledge,
        "extend": queues.extend,
        "release": queues.release,
        "dead-letter": queues.dead_letter,
    }
    for name, verb in verbs.items():
        app.add_api_route(
            f"{QUEUE_PATH}/{name}", verb, methods=["POST"], **openapi.queue_verb(name)
        )
    app.add_api_route(QUEUE_PATH, queues.depth, **openapi.queue_depth())
    app.add_api_route(STREAMS_PATH, streams.stream, **openapi.open_stream())


async def _end_waits(stopping: asyncio.Event, pullers: Pullers, tail: Tail) -> None:
    """Long polls and streams end by themselves when the process stops."""
    await stopping.wait()
    pullers.close()
    tail.close()
