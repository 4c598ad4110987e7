"""What a process tells of the records that it settled: hops always, spans where it is asked to."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

from schemas.envelope import FeedbackRouted, FeedbackTagged
from services.runtime.consume import Settled
from services.runtime.mongo import Database
from services.runtime.process import Process
from services.runtime.settings import ProcessSettings
from services.stages.stage import CLASSIFIER, ROUTER, Stage
from services.tracing.hop_store import MongoHopStore
from services.tracing.recorder import Recorder
from services.tracing.spans import Spans, export_spans

# the spans of stages that make events are named in those events: both derive them from the source
_SOURCES = {CLASSIFIER.name: FeedbackTagged.SOURCE, ROUTER.name: FeedbackRouted.SOURCE}


class Tracing:
    """The hops and spans of one process; an async context manager."""

    def __init__(self, recorder: Recorder, spans: Spans | None = None) -> None:
        self.spans = spans
        self._recorder = recorder
        self._open = AsyncExitStack()

    async def __aenter__(self) -> "Tracing":
        await self._open.enter_async_context(self._recorder)
        if self.spans is not None:
            await self._open.enter_async_context(self.spans)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def observer_of(self, stage: Stage, group: str) -> Callable[[Sequence[Settled[Any]]], None]:
        """What is told of the batches of a stage, for `Subscription.observe`."""
        source = _SOURCES.get(stage.name, f"/frontline/{stage.service}/{stage.name}")

        def observe(settled: Sequence[Settled[Any]]) -> None:
            self._recorder.observe(group, settled)
            if self.spans is not None:
                self.spans.observe(stage.name, source, group, settled)

        return observe


def build_tracing(settings: ProcessSettings, process: Process, database: Database) -> Tracing:
    """Hops into `database`; spans to `FRONTLINE_OTLP_ENDPOINT`, where it is set."""
    who = (process.name, process.version)
    recorder = Recorder(MongoHopStore(database), process.metrics, *who)
    if not settings.otlp_endpoint:
        return Tracing(recorder)
    # imported where it is used: it takes its time, and few need it
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(settings.otlp_endpoint, timeout=5)
    return Tracing(recorder, export_spans(exporter, process.metrics, *who))
