"""Runs the consume contract on FastStream: batches in, commit or rewind out, pauses in between."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from time import monotonic
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.exceptions import NackMessage
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from services.runtime.consume import Contract, FuseOpen, RetryLimits, Subscription
from services.runtime.errors import Unavailable, describe
from services.runtime.fuse import Fuse, FuseLimits
from services.runtime.kafka import Producer, tls_context
from services.runtime.process import Process
from services.runtime.settings import KafkaSettings

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
_CONNECT_PAUSE_SECONDS = 1.0
_LAG_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Subscriber:
    """Consumes one subscription until its context ends; while Kafka is away it keeps trying.

    One batch is in flight at a time. `Unavailable` rewinds the batch and pauses the partitions
    while polling goes on, so that the group keeps its members; the next read is the probe.
    """

    def __init__(
        self,
        subscription: Subscription[Any],
        settings: KafkaSettings,
        producer: Producer,
        process: Process,
        drain_seconds: float,
    ) -> None:
        self._topic = subscription.topic
        self._group = subscription.group
        self.part = f"consume {subscription.topic}"
        self._process = process
        self._fuse = Fuse(FuseLimits(settings.fuse_dead, settings.fuse_share, settings.fuse_window))
        self._contract = Contract(
            subscription,
            producer,
            self._fuse,
            RetryLimits(settings.retry_attempts, settings.retry_budget_seconds),
            process.metrics,
            service=process.name,
            version=process.version,
        )
        self._progress = process.health.watch(self.part, settings.max_poll_interval_ms / 1000)
        self._settings = settings
        self._drain_seconds = drain_seconds
        self._pause_seconds = 0.0
        self._closed = False
        self._lag_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._broker: KafkaBroker | None = None

    async def __aenter__(self) -> "Subscriber":
        self._process.health.not_ready(self.part, "not connected to Kafka yet")
        self._task = asyncio.create_task(self._connect())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._broker is not None:
            await self._broker.stop()

    async def _connect(self) -> None:
        """Starts consuming, however long Kafka is away."""
        while True:
            broker = self._build_broker()
            try:
                await broker.start()
            except (KafkaError, OSError) as error:
                self._process.health.not_ready(self.part, f"Kafka: {describe(error)}")
                self._progress.mark()
                with suppress(Exception):
                    await broker.stop()
                await asyncio.sleep(_CONNECT_PAUSE_SECONDS)
                continue
            self._broker = broker
            self._watch_polls(broker)
            self._process.health.ready(self.part)
            log.info("consuming", action="consume", topic=self._topic, group=self._group)
            return

    def _build_broker(self) -> KafkaBroker:
        settings = self._settings
        broker = KafkaBroker(
            settings.kafka_servers.split(","),
            security=_security(settings),
            client_id=self._process.name,
            consumer_only=True,
            allow_auto_create_topics=False,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            graceful_timeout=self._drain_seconds,
            parser=_parse,
            decoder=_keep_whole,
            apply_types=False,
            logger=logging.getLogger("faststream"),
            log_level=logging.DEBUG,
        )
        subscriber = broker.subscriber(
            self._topic,
            group_id=self._group,
            group_instance_id=settings.group_instance_id,
            batch=True,
            no_reply=True,
            max_records=settings.max_records,
            batch_timeout_ms=settings.batch_timeout_ms,
            fetch_max_wait_ms=100,
            auto_offset_reset="earliest",
            max_poll_interval_ms=settings.max_poll_interval_ms,
        )
        subscriber(self._receive)
        return broker

    def _watch_polls(self, broker: KafkaBroker) -> None:
        """Marks progress at each completed poll: an idle topic is no reason to look dead."""
        for subscriber in broker.subscribers:
            assert isinstance(subscriber, BatchSubscriber)
            consumer = subscriber.consumer
            assert consumer is not None
            consumer.getmany = self._marking(consumer, consumer.getmany)

    def _marking(
        self, consumer: AIOKafkaConsumer, getmany: Callable[..., Awaitable[Any]]
    ) -> Callable[..., Awaitable[Any]]:
        @wraps(getmany)
        async def poll(**arguments: Any) -> Any:
            records = await getmany(**arguments)
            self._progress.mark()
            if monotonic() - self._lag_at >= _LAG_SECONDS:
                self._lag_at = monotonic()
                await self._measure_lag(consumer)
            return records

        return poll

    async def _measure_lag(self, consumer: AIOKafkaConsumer) -> None:
        with suppress(IllegalStateError):  # a rebalance took the partition meanwhile
            for partition in consumer.assignment():
                high_water = consumer.highwater(partition)
                if high_water is not None:
                    lag = high_water - await consumer.position(partition)
                    self._process.metrics.lag.labels(
                        partition.topic, self._group, str(partition.partition)
                    ).set(lag)

    async def _receive(self, message: KafkaMessage) -> None:
        """One batch: settled and committed by FastStream, or rewound and its partitions paused."""
        consumer = message.consumer
        records = message.raw_message
        if self._closed:
            self._hold(consumer)  # a rebalance brought partitions that are not paused yet
            raise NackMessage
        try:
            await self._contract.settle(records)
        except Unavailable as error:
            self._rewind(consumer, error, len(records))
            raise NackMessage from None
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # a fault in the contract itself: nothing may be committed, and a person has to know
            log.exception("batch failed", action="consume", topic=self._topic, group=self._group)
            self._rewind(consumer, Unavailable(describe(error)), len(records))
            raise NackMessage from None
        self._pause_seconds = 0.0

    def _rewind(self, consumer: AIOKafkaConsumer, error: Unavailable, records: int) -> None:
        metrics, labels = self._process.metrics, (self._topic, self._group)
        metrics.records.labels(*labels, "rewound").inc(records)
        metrics.fuse_open.labels(*labels).set(self._fuse.open)
        self._process.health.not_ready(self.part, str(error))
        self._closed = True
        self._hold(consumer)
        if isinstance(error, FuseOpen):
            log.error(
                "fuse open", action="fuse", topic=self._topic, group=self._group, reason=str(error)
            )
            return
        self._pause_seconds = min(
            max(self._pause_seconds * 2, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS
        )
        log.warning(
            "waiting for a dependency",
            action="pause",
            topic=self._topic,
            group=self._group,
            reason=str(error),
            seconds=self._pause_seconds,
        )
        asyncio.get_running_loop().call_later(self._pause_seconds, self._resume, consumer)

    def _hold(self, consumer: AIOKafkaConsumer) -> None:
        consumer.pause(*consumer.assignment())

    def _resume(self, consumer: AIOKafkaConsumer) -> None:
        """Reads on: the next batch is the probe."""
        self._closed = False
        consumer.resume(*consumer.paused())
        self._process.health.ready(self.part)


async def _parse(records: tuple[ConsumerRecord, ...], original: Callable[..., Any]) -> KafkaMessage:
    """Calls FastStream's parser without the headers: one that is not UTF-8 would lose the batch,
    and one named `reply_to` would make a stranger's record publish.
    """
    bare = tuple(replace(each, headers=()) if each.headers else each for each in records)
    message: KafkaMessage = await original(bare)
    message.raw_message = records
    return message


async def _keep_whole(message: KafkaMessage) -> KafkaMessage:
    """The decoder: the contract decodes each record by itself."""
    return message


def _security(settings: KafkaSettings) -> BaseSecurity | None:
    """The connection's security as FastStream wants it."""
    context = tls_context(settings)
    if not settings.kafka_security_protocol.startswith("SASL_"):
        return BaseSecurity(ssl_context=context) if context else None
    assert settings.kafka_username is not None
    assert settings.kafka_password is not None
    kinds = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
    return kinds[settings.kafka_sasl_mechanism](
        settings.kafka_username,
        settings.kafka_password.get_secret_value(),
        ssl_context=context,
        use_ssl=context is not None,
    )
