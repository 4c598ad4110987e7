"""Composes the classifier from its parts."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog
from starlette.applications import Starlette
from starlette.types import ASGIApp

from schemas.codec import decode
from schemas.envelope import FeedbackReceived
from schemas.feedback import Feedback
from schemas.tagging import Tagging
from schemas.topics import TAGGED
from services.classifier.handler import TaggingHandler
from services.classifier.loading import load_tagger
from services.classifier.model import UnreadableModel
from services.classifier.settings import ClassifierSettings
from services.classifier.shadow import Shadow
from services.classifier.tagging import Tagger
from services.runtime.kafka import Producer
from services.runtime.metrics import Metrics
from services.runtime.mongo import connect
from services.runtime.process import Process, RefusedStart
from services.runtime.web import ProblemBoundary, process_routes
from services.stages.control_store import MongoControls
from services.stages.report_store import MongoReports
from services.stages.reporter import Reporter
from services.stages.stage import CLASSIFIER
from services.stages.subscribing import Subscribing
from services.tracing.tracing import build_tracing

log = structlog.get_logger(__name__)


def build_app(settings: ClassifierSettings, process: Process) -> ASGIApp:
    """Received feedback in, tagged feedback out. A model that cannot be read ends the process."""
    tag = _tags_by(_load(settings))
    shadow = None
    candidate = load_candidate(settings, process.metrics)
    if candidate is not None:
        shadow = Shadow(_tags_by(candidate), settings.shadow_waiting, process.metrics)
    producer = Producer(settings, process.name, process.metrics)
    handler = TaggingHandler(
        tag,
        producer.publish,
        settings.topic_prefix + TAGGED.name,
        lambda: datetime.now(UTC),
        process.metrics,
        shadow.offer if shadow else None,
    )
    client, database = connect(settings)
    tracing = build_tracing(settings, process, database)
    subscribing = Subscribing(
        settings,
        producer,
        process,
        MongoControls(database),
        settings.drain_seconds,
        tracing.observer_of,
    )
    subscriber = subscribing.to(CLASSIFIER, partial(decode, model=FeedbackReceived), handler.handle)
    reporter = Reporter(process, MongoReports(database))
    # what runs goes on as it was last told to while the database is away
    process.health.spare("mongo")

    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if shadow is not None:
                await stack.enter_async_context(shadow)
            await stack.enter_async_context(process.guarded_database(client, settings))
            for each in (reporter, tracing, producer, subscriber):
                await stack.enter_async_context(each)
            yield

    app = Starlette(routes=process_routes(process.health, process.metrics), lifespan=running)
    return ProblemBoundary(app, process.metrics)


def _tags_by(tagger: Tagger) -> Callable[[Sequence[Feedback]], Sequence[Tagging]]:
    def tag(feedbacks: Sequence[Feedback]) -> Sequence[Tagging]:
        return tagger.tag_many(
            [each.text for each in feedbacks], [each.language for each in feedbacks]
        )

    return tag


def _load(settings: ClassifierSettings) -> Tagger:
    """The model in use: without it there is nothing that the process could do."""
    try:
        tagger = load_tagger(
            Path(settings.model_path) if settings.model_path else None,
            thresholds=Path(settings.thresholds_path) if settings.thresholds_path else None,
            fast_alone=settings.fast_alone,
        )
    except UnreadableModel as error:
        raise RefusedStart(f"the model cannot be read: {error}") from None
    log.info("model loaded", action="load_model", model_version=tagger.version)
    return tagger


def load_candidate(settings: ClassifierSettings, metrics: Metrics) -> Tagger | None:
    """The candidate, if there is one; where it cannot be read the model in use goes on alone."""
    if not settings.shadow_model_path:
        return None
    try:
        tagger = load_tagger(Path(settings.shadow_model_path), fast_alone=settings.fast_alone)
    except UnreadableModel as error:
        metrics.shadow_readings.labels("failed").inc()
        log.error("candidate cannot be read", action="load_candidate", reason=str(error))  # noqa: TRY400 - the reason says all
        return None
    log.info("candidate loaded", action="load_candidate", model_version=tagger.version)
    return tagger
