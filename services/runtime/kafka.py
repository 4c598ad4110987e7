"""Kafka: connection options, and a producer that confirms within a deadline or says so."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    MessageSizeTooLargeError,
    UnknownTopicOrPartitionError,
)

from services.runtime.errors import Permanent, Unavailable, describe
from services.runtime.metrics import Metrics
from services.runtime.settings import KafkaSettings, refuse_setting

Headers = Sequence[tuple[str, bytes]]

BATCH_BYTES = 262_144
_MAX_REQUEST_BYTES = 4_194_304
_DISCARD_SECONDS = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Record:
    """A record to publish. `key` decides the partition, by the same hash as Kafka's own clients,
    unless `partition` is given.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """The arguments that every aiokafka client gets."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_servers,
        "security_protocol": settings.kafka_security_protocol,
    }
    if context := tls_context(settings):
        options["ssl_context"] = context
    if settings.kafka_security_protocol.startswith("SASL_"):
        assert settings.kafka_password is not None
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
        }
    return options


def tls_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """The TLS context of a protocol that has one."""
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    try:
        return ssl.create_default_context(cafile=settings.kafka_ca_file)
    except OSError as error:
        refuse_setting("kafka_ca_file", f"cannot be read as PEM certificates: {error}")


class Producer:
    """Publishes with `acks=all` and idempotence; connects when first needed and after a failure.

    A producer whose deadline passed is discarded, because its idempotent batches never expire: the
    records may still land, so what is published must have ids that make a repeat harmless.
    """

    def __init__(self, settings: KafkaSettings, client_id: str, metrics: Metrics) -> None:
        self._options = connection_options(settings) | {"client_id": client_id}
        self._deadline = settings.kafka_produce_seconds
        self._metrics = metrics
        self._producer: AIOKafkaProducer | None = None
        self._connecting: asyncio.Task[AIOKafkaProducer] | None = None
        self._discarded: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Producer":
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if self._producer is not None:
            self._discard(self._producer)
        if self._discarded:
            await asyncio.wait(self._discarded)

    async def publish(self, records: Sequence[Record]) -> None:
        """Returns when the broker confirmed every record.

        Raises `Unavailable` when the deadline passed or no broker answers (a record may have landed
        all the same), `Permanent` when a record is too large for its topic.
        """
        started = monotonic()
        producer = self._producer
        try:
            async with asyncio.timeout(self._deadline):
                if producer is None:
                    producer = await self._connected()
                confirmations = [
                    await producer.send(
                        each.topic, each.value, each.key, each.partition, headers=each.headers
                    )
                    for each in records
                ]
                await _all(confirmations)
        except MessageSizeTooLargeError:
            raise Permanent("a record is larger than Kafka accepts") from None
        except (TimeoutError, KafkaError, OSError, IllegalStateError) as error:
            self._metrics.produce_failures.inc()
            if producer is not None and not isinstance(error, UnknownTopicOrPartitionError):
                self._discard(producer)
            raise Unavailable(f"Kafka: {describe(error)}") from error
        self._metrics.produce_seconds.observe(monotonic() - started)

    async def _connected(self) -> AIOKafkaProducer:
        """The live producer; callers that find none share one attempt to connect."""
        if self._producer is not None:
            return self._producer
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._options,
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            max_request_size=_MAX_REQUEST_BYTES,
        )
        try:
            async with asyncio.timeout(self._deadline):
                await producer.start()
        except BaseException:
            await _abandon(producer)
            raise
        self._producer = producer
        return producer

    def _discard(self, producer: AIOKafkaProducer) -> None:
        """Forgets a producer at once; closing it can take longer than any caller should wait."""
        if self._producer is producer:
            self._producer = None
            task = asyncio.create_task(_abandon(producer))
            self._discarded.add(task)
            task.add_done_callback(self._discarded.discard)


async def _all(confirmations: list["asyncio.Future[Any]"]) -> None:
    if len(confirmations) == 1:  # the way of a lone record: a third faster than gather
        await confirmations[0]
    else:
        await asyncio.gather(*confirmations)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Closes a producer without waiting for records that may never be confirmed.

    `stop` waits for them for ever, and so does its sender task when it is cancelled once.
    """
    for close in (producer.stop, producer._sender.close, producer.client.close):
        task = asyncio.ensure_future(close())
        done, _ = await asyncio.wait({task}, timeout=_DISCARD_SECONDS)
        if not done:
            task.cancel()
            await asyncio.wait({task}, timeout=_DISCARD_SECONDS)
        elif not task.cancelled():
            task.exception()  # looked at, so that nobody warns: the producer is given up anyway
