"""Runs the consume contract on FastStream: batches in, commit or rewind out, pauses in between."""

import asyncio
from contextlib import suppress
from functools import wraps
from time import time
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError
from faststream.exceptions import NackMessage
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber

from services.runtime.attempts import RetryLimits
from services.runtime.broker import build_broker
from services.runtime.consume import Contract, FuseOpen, Subscription
from services.runtime.controls import Controls
from services.runtime.errors import Unavailable, describe
from services.runtime.fuse import Fuse, FuseLimits
from services.runtime.holds import DEPENDENCY, FUSE, OF_PEOPLE, Holds
from services.runtime.kafka import Producer
from services.runtime.process import Process
from services.runtime.settings import KafkaSettings
from services.runtime.waiting import OldestAge

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
_CONNECT_PAUSE_SECONDS = 1.0
_WATCH_SECONDS = 1.0
_ANSWER_SECONDS = 3.0
_STOP_SECONDS = 3.0

log = structlog.get_logger(__name__)


class Subscriber:
    """Consumes one subscription until its context ends; while Kafka is away it keeps trying.

    One batch is in flight at a time. `Unavailable` rewinds the batch and pauses the partitions
    while polling goes on, so that the group keeps its members; the next read is the probe. With
    `controls`, a person may pause it, and an open fuse outlives the process.
    """

    def __init__(
        self,
        subscription: Subscription[Any],
        settings: KafkaSettings,
        producer: Producer,
        process: Process,
        drain_seconds: float,
        controls: Controls | None = None,
    ) -> None:
        self._topic = subscription.topic
        self._group = subscription.group
        self.part = f"consume {subscription.topic}"
        self._process = process
        self._fuse = Fuse(FuseLimits(settings.fuse_dead, settings.fuse_share, settings.fuse_window))
        self._tally = process.tally(self._topic, self._group, self.part)
        self._contract = Contract(
            subscription,
            producer,
            self._fuse,
            RetryLimits(settings.retry_attempts, settings.retry_budget_seconds),
            process.metrics,
            self._tally,
            service=process.name,
            version=process.version,
        )
        self._progress = process.health.watch(self.part, settings.max_poll_interval_ms / 1000)
        process.metrics.fuse_open.labels(self._topic, self._group).set(0)
        self._settings = settings
        self._drain_seconds = drain_seconds
        self._pause_seconds = 0.0
        self._holds = Holds(self._group, self._fuse, controls, process.name, self._holds_changed)
        self._oldest = OldestAge()
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._broker: KafkaBroker | None = None

    async def __aenter__(self) -> "Subscriber":
        self._process.health.not_ready(self.part, "not connected to Kafka yet")
        await self._holds.__aenter__()
        self._task = asyncio.create_task(self._connect())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._holds.__aexit__()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._broker is not None:
            await self._stop(self._broker, self._drain_seconds + _STOP_SECONDS)

    async def _connect(self) -> None:
        """Starts consuming, however long Kafka is away, and keeps an eye on Kafka from then on."""
        while True:
            self._broker = broker = build_broker(
                self._topic,
                self._group,
                self._receive,
                self._settings,
                self._process.name,
                self._drain_seconds,
            )
            try:
                await broker.start()
            except Exception as error:  # noqa: BLE001 - whatever it is, consuming must begin some time
                reason = f"Kafka: {describe(error)}"
                self._process.health.not_ready(self.part, reason)
                log.warning(
                    "cannot consume yet", action="consume", topic=self._topic, reason=reason
                )
                await self._stop(broker, _STOP_SECONDS)
                self._progress.mark()
                await asyncio.sleep(_CONNECT_PAUSE_SECONDS)
                continue
            self._consumer = consumer = self._watch_polls(broker)
            log.info("consuming", action="consume", topic=self._topic, group=self._group)
            await self._watch_broker(consumer)

    async def _stop(self, broker: KafkaBroker, seconds: float) -> None:
        """Stops a broker; without Kafka that would take for ever."""
        try:
            async with asyncio.timeout(seconds):
                await broker.stop()
        except Exception as error:  # noqa: BLE001 - it is being given up
            log.warning("consumer left behind", action="stop", reason=describe(error))

    def _watch_polls(self, broker: KafkaBroker) -> AIOKafkaConsumer:
        """Marks progress at each completed poll: an idle topic is no reason to look dead."""
        [subscriber] = broker.subscribers
        assert isinstance(subscriber, BatchSubscriber)
        consumer = subscriber.consumer
        assert consumer is not None
        getmany = consumer.getmany

        @wraps(getmany)
        async def poll(**arguments: Any) -> Any:
            records = await getmany(**arguments)
            # nothing may be awaited from here on: the position is past these records already
            self._progress.mark()
            if not records and not self._holds:
                self._pause_seconds = 0.0  # what was rewound is another consumer's by now
            return records

        consumer.getmany = poll
        return consumer

    async def _watch_broker(self, consumer: AIOKafkaConsumer) -> None:
        """Asks once a second how far the topic goes: the lag, and whether Kafka is there at all,
        which polls do not tell: they come back empty without it.
        """
        while True:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await self._measure_lag(consumer)
            except IllegalStateError:
                pass  # a rebalance took a partition meanwhile
            except Exception as error:  # noqa: BLE001 - whatever it is, Kafka does not answer
                self._process.health.not_ready(self.part, f"Kafka: {describe(error)}")
            else:
                self._say_ready()
            await asyncio.sleep(_WATCH_SECONDS)

    async def _measure_lag(self, consumer: AIOKafkaConsumer) -> None:
        metrics, asked_at = self._process.metrics, time()
        lags: dict[int, int] = {}
        for partition, end in (await consumer.end_offsets(list(consumer.assignment()))).items():
            lags[partition.partition] = lag = end - await consumer.position(partition)
            metrics.lag.labels(partition.topic, self._group, str(partition.partition)).set(lag)
        age = self._oldest.seconds(lags, asked_at)
        metrics.oldest_age.labels(self._topic, self._group).set(age)

    def _say_ready(self) -> None:
        health, causes = self._process.health, self._holds.causes
        if not causes and not self._pause_seconds:
            health.ready(self.part)
        elif causes:
            say = health.hold if causes.keys() <= OF_PEOPLE else health.not_ready
            say(self.part, "; ".join(causes.values()))

    async def _receive(self, message: KafkaMessage) -> None:
        """One batch: settled and committed by FastStream, or rewound and its partitions paused."""
        consumer = message.consumer
        records = message.raw_message
        if self._holds:
            self._hold(consumer)  # a rebalance brought partitions that are not paused yet
            raise NackMessage
        self._oldest.take((each.partition, each.timestamp / 1000) for each in records)
        try:
            await self._contract.settle(records)
        except Unavailable as error:
            self._rewind(error, len(records))
            raise NackMessage from None
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # a fault in the contract itself: nothing may be committed, and a person has to know
            log.exception("batch failed", action="consume", topic=self._topic, group=self._group)
            self._rewind(Unavailable(describe(error)), len(records))
            raise NackMessage from None
        self._oldest.settle()
        self._pause_seconds = 0.0

    def _rewind(self, error: Unavailable, records: int) -> None:
        self._oldest.put_back()
        self._tally.counts["rewound"] += records
        self._process.metrics.records.labels(self._topic, self._group, "rewound").inc(records)
        if isinstance(error, FuseOpen):
            log.error(
                "fuse open", action="fuse", topic=self._topic, group=self._group, reason=str(error)
            )
            self._holds.open_fuse(str(error))
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
        self._holds.set(DEPENDENCY, str(error))
        loop = asyncio.get_running_loop()
        loop.call_later(self._pause_seconds, self._holds.clear, DEPENDENCY)

    def _holds_changed(self) -> None:
        """Holds the consumer, or lets it read on: then the next batch is the probe."""
        self._process.metrics.fuse_open.labels(self._topic, self._group).set(
            FUSE in self._holds.causes
        )
        self._say_ready()
        if self._consumer is None:
            return
        with suppress(IllegalStateError):  # a rebalance took a partition meanwhile
            if self._holds:
                self._hold(self._consumer)
            else:
                self._consumer.resume(*self._consumer.paused())

    def _hold(self, consumer: AIOKafkaConsumer) -> None:
        consumer.pause(*consumer.assignment())
