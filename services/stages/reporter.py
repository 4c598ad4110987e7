"""Lets a process report of itself each second, and say so when it refuses to start."""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

import structlog

from services.runtime.background import Background
from services.runtime.errors import ConsumeError, Unavailable, describe
from services.runtime.mongo import connect
from services.runtime.process import Process
from services.runtime.settings import MongoSettings
from services.runtime.tally import Tally
from services.stages.report import Consumed, Report, State
from services.stages.report_store import MongoReports

_EVERY_SECONDS = 1.0
_RATE_SECONDS = 10
_REFUSAL_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Reports(Protocol):
    """Where reports go. Raises `Unavailable`."""

    async def write(self, report: Report) -> None:
        """Takes the place of the process's earlier report."""
        ...


class Reporter(Background):
    """Reports each second until its context ends, and that it stopped. While the database is away
    it says nothing: the last report grows old, which is seen.
    """

    def __init__(self, process: Process, reports: Reports) -> None:
        self._process = process
        self._reports = reports
        self._started_at = datetime.now(UTC)
        self._rates = {tally.group: _Rate(tally) for tally in process.tallies}

    async def __aexit__(self, *_: object) -> None:
        await self._end()
        with suppress(ConsumeError):
            await self._reports.write(self.report(State.STOPPED))

    async def _run(self) -> None:
        while True:
            try:
                await self._reports.write(self.report(State.RUNNING))
            except Unavailable:
                pass  # readiness and the log of the part that needs the database say it
            except Exception:
                log.exception("report failed", action="report")
            await asyncio.sleep(_EVERY_SECONDS)

    def report(self, state: State) -> Report:
        """The process as it is now."""
        process = self._process
        ready, reasons = process.health.readiness()
        _, ages = process.health.liveness()
        return Report(
            service=process.name,
            instance=process.instance,
            version=process.version,
            state=state,
            at=datetime.now(UTC),
            started_at=self._started_at,
            ready=ready,
            reasons=reasons,
            held=tuple(process.health.held()),
            progress_ages=ages,
            consumed=tuple(
                Consumed(
                    tally.topic,
                    tally.group,
                    dict(tally.counts),
                    self._rates[tally.group].look(),
                    ages.get(tally.part, 0.0),
                    tally.part,
                )
                for tally in process.tallies
            ),
        )


class _Rate:
    """Records handled a second, over the last ten looks."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._looks: deque[tuple[float, int]] = deque(maxlen=_RATE_SECONDS + 1)

    def look(self) -> float:
        now = asyncio.get_running_loop().time()
        self._looks.append((now, self._tally.counts["handled"]))
        (then, before), (_, after) = self._looks[0], self._looks[-1]
        return (after - before) / (now - then) if now > then else 0.0


async def tell_refusal(settings: MongoSettings, process: Process, reason: str) -> None:
    """Reports that a process refuses to start, as far as the database can be reached."""
    now = datetime.now(UTC)
    who = (process.name, process.instance, process.version)
    client, database = connect(settings)
    try:
        async with asyncio.timeout(_REFUSAL_SECONDS):
            await MongoReports(database).write(Report(*who, State.REFUSED, now, now, reason=reason))
    except (ConsumeError, TimeoutError) as error:
        log.warning("refusal not reported", action="report", reason=describe(error))
    finally:
        client.close()
