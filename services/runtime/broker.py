"""Builds FastStream's broker as the consume contract needs it: whole batches, no early commit."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from aiokafka import ConsumerRecord
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from services.runtime.kafka import tls_context
from services.runtime.settings import KafkaSettings

_FETCH_WAIT_MS = 100


def build_broker(
    topic: str,
    group: str,
    receive: Callable[[KafkaMessage], Awaitable[None]],
    settings: KafkaSettings,
    client_id: str,
    drain_seconds: float,
) -> KafkaBroker:
    """A broker with one subscriber that hands each batch to `receive`: when it returns the batch is
    committed, when it raises `NackMessage` the batch is read again.
    """
    broker = KafkaBroker(
        settings.kafka_servers.split(","),
        security=_security(settings),
        client_id=client_id,
        consumer_only=True,
        allow_auto_create_topics=False,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        graceful_timeout=drain_seconds,
        parser=_parse,
        decoder=_keep_whole,
        apply_types=False,
        logger=logging.getLogger("faststream"),
        log_level=logging.DEBUG,
    )
    subscriber = broker.subscriber(
        topic,
        group_id=group,
        group_instance_id=settings.group_instance_id,
        batch=True,
        no_reply=True,
        max_records=settings.max_records,
        batch_timeout_ms=settings.batch_timeout_ms,
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        auto_offset_reset="earliest",
        max_poll_interval_ms=settings.max_poll_interval_ms,
    )
    subscriber(receive)
    return broker


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
