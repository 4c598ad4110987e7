"""Composes the classifier from its parts."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
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
from schemas.topics import RECEIVED, TAGGED
from services.classifier.handler import TaggingHandler
from services.classifier.model import SHIPPED, UnreadableModel, load_model
from services.classifier.settings import ClassifierSettings
from services.classifier.tagging import Tagger
from services.routing.rulebook import load_rules
from services.runtime.consume import Subscription
from services.runtime.kafka import Producer
from services.runtime.process import Process
from services.runtime.settings import EXIT_CONFIG
from services.runtime.subscriber import Subscriber
from services.runtime.web import ProblemBoundary, process_routes

log = structlog.get_logger(__name__)


def build_app(settings: ClassifierSettings, process: Process) -> ASGIApp:
    """Received feedback in, tagged feedback out. A model that cannot be read ends the process."""
    tagger = _load_tagger(Path(settings.model_path) if settings.model_path else SHIPPED)
    producer = Producer(settings, process.name, process.metrics)

    def tag(feedbacks: Sequence[Feedback]) -> Sequence[Tagging]:
        return tagger.tag_many(
            [each.text for each in feedbacks], [each.language for each in feedbacks]
        )

    handler = TaggingHandler(
        tag,
        producer.publish,
        settings.topic_prefix + TAGGED.name,
        lambda: datetime.now(UTC),
        process.metrics,
    )
    subscriber = Subscriber(
        Subscription(
            topic=settings.topic_prefix + RECEIVED.name,
            group=settings.topic_prefix + "classifier",
            decode=partial(decode, model=FeedbackReceived),
            handle=handler.handle,
        ),
        settings,
        producer,
        process,
        settings.drain_seconds,
    )

    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        async with producer, subscriber:
            yield

    app = Starlette(routes=process_routes(process.health, process.metrics), lifespan=running)
    return ProblemBoundary(app, process.metrics)


def _load_tagger(folder: Path) -> Tagger:
    try:
        tagger = Tagger(load_model(folder), load_rules())
    except UnreadableModel as error:
        log.critical("model cannot be read", action="load_model", reason=str(error))
        raise SystemExit(EXIT_CONFIG) from None
    log.info("model loaded", action="load_model", model_version=tagger.version)
    return tagger
