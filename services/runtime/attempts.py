"""Tries the events of a batch until each is handled or given up; a failing batch is halved."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import uniform
from time import monotonic
from typing import Generic, TypeVar

from aiokafka import ConsumerRecord

from services.runtime.deadletter import Failure
from services.runtime.errors import (
    ConsumeError,
    Malformed,
    Permanent,
    Transient,
    Unavailable,
    classify,
)

Event = TypeVar("Event")


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """Tries of one record, and seconds that one batch may spend on retries."""

    attempts: int = 4
    budget_seconds: float = 20.0
    first_pause_seconds: float = 0.1


@dataclass(slots=True)
class Pending(Generic[Event]):
    """A sound record on its way through the attempts."""

    record: ConsumerRecord
    event: Event
    attempts: int = 0
    first_at: datetime | None = None
    error: ConsumeError | None = None

    def failure(self) -> Failure:
        """How it was given up."""
        assert self.error is not None
        assert self.first_at is not None
        return Failure(self.record, self.error, self.attempts, self.first_at, datetime.now(UTC))


class Attempts(Generic[Event]):
    """Runs a handler under the retry limits; `retried` is told how many records are tried again."""

    def __init__(
        self,
        handle: Callable[[Sequence[Event]], Awaitable[None]],
        limits: RetryLimits,
        retried: Callable[[int], None],
    ) -> None:
        self._handle = handle
        self._limits = limits
        self._retried = retried

    async def run(self, pending: list[Pending[Event]]) -> list[Failure]:
        """Tries until every record is handled or given up; the failing ones of a round together.

        Raises `Unavailable` when a dependency is away.
        """
        failures: list[Failure] = []
        deadline = monotonic() + self._limits.budget_seconds
        pause = self._limits.first_pause_seconds
        while pending:
            left = await self._try(pending, set())
            pending = []
            for item in left:
                if self._is_spent(item, deadline):
                    failures.append(item.failure())
                else:
                    pending.append(item)
            if again := sum(1 for item in pending if item.error):
                self._retried(again)
                await asyncio.sleep(min(uniform(pause / 2, pause), max(0, deadline - monotonic())))
                pause *= 2
        return failures

    async def _try(self, items: list[Pending[Event]], blocked: set[bytes]) -> list[Pending[Event]]:
        """Handles items in order; returns, in order, those that failed or wait for an earlier one
        of their key.
        """
        held = {id(item) for item in items if item.record.key in blocked}
        if held:
            free = [item for item in items if id(item) not in held]
            left = held | {id(item) for item in await self._try(free, blocked)} if free else held
            return [item for item in items if id(item) in left]
        try:
            await self._handle([item.event for item in items])
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is classified
            failure = classify(error)
        else:
            for item in items:
                item.attempts += 1
            return []
        if isinstance(failure, Unavailable):
            raise failure
        if len(items) > 1:
            middle = len(items) // 2
            first = await self._try(items[:middle], blocked)
            return first + await self._try(items[middle:], blocked)
        return [_mark(items[0], failure, blocked)]

    def _is_spent(self, item: Pending[Event], deadline: float) -> bool:
        if item.error is None:
            return False
        return (
            isinstance(item.error, Malformed | Permanent)
            or item.attempts >= self._limits.attempts
            or monotonic() >= deadline
        )


def _mark(item: Pending[Event], failure: ConsumeError, blocked: set[bytes]) -> Pending[Event]:
    item.attempts += 1
    item.error = failure
    item.first_at = item.first_at or datetime.now(UTC)
    if isinstance(failure, Transient) and item.record.key is not None:
        blocked.add(item.record.key)
    return item
