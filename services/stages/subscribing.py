"""Builds the consumer of a stage, under the controls that operators set."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from services.runtime.consume import Settled, Subscription
from services.runtime.controls import Controls
from services.runtime.kafka import Producer
from services.runtime.process import Process
from services.runtime.settings import KafkaSettings
from services.runtime.subscriber import Subscriber
from services.stages.stage import Stage

Event = TypeVar("Event")


class Subscribing:
    """What the consumers of one process share."""

    def __init__(
        self,
        settings: KafkaSettings,
        producer: Producer,
        process: Process,
        controls: Controls,
        drain_seconds: float,
        observer_of: Callable[[Stage, str], Callable[[Sequence[Settled[Any]]], None]] | None = None,
    ) -> None:
        """`producer` takes the dead letters; `observer_of` makes what is told of the settled
        batches of a stage and its group.
        """
        self._settings = settings
        self._producer = producer
        self._process = process
        self._controls = controls
        self._drain_seconds = drain_seconds
        self._observer_of = observer_of

    def to(
        self,
        stage: Stage,
        decode: Callable[[bytes | None], Event],
        handle: Callable[[Sequence[Event]], Awaitable[None]],
        locate: Callable[[Event, int, int], Event] | None = None,
    ) -> Subscriber:
        """The consumer of this stage; the rest is as `Subscription` says."""
        prefix = self._settings.topic_prefix
        group = stage.group_name(prefix)
        subscription = Subscription(
            topic=stage.topic_name(prefix),
            group=group,
            decode=decode,
            handle=handle,
            locate=locate,
            observe=self._observer_of(stage, group) if self._observer_of else None,
        )
        return Subscriber(
            subscription,
            self._settings,
            self._producer,
            self._process,
            self._drain_seconds,
            self._controls,
        )
