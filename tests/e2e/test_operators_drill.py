"""The operators' drill: what goes wrong is told, mended by command, and all is accounted for."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.console import Terminal
from tests.e2e.load import send_all, submissions
from tests.ledger import Ledger
from tests.pipeline import Pipeline, Service
from tests.spoilt import corrupt_model, failing_model
from tests.waiting import until

EVENTS = 1_000
MOST_EVENTS = 50_000
PLANTED = 1_200
TOLD_SECONDS = 30.0
UNLIMITED = 1_000_000


class Drill:
    """A pipeline under load, its terminal, and what was accepted."""

    def __init__(self, pipeline: Pipeline, terminal: Terminal) -> None:
        self.pipeline = pipeline
        self.ledger = Ledger()
        self._terminal = terminal

    @property
    def classifier(self) -> Service:
        return self.pipeline.services["classifier"]

    async def send(self, events: int = EVENTS) -> None:
        await send_all(self.pipeline, self.ledger, submissions(events))

    @asynccontextmanager
    async def under_load(self) -> AsyncIterator[None]:
        """Charities keep sending, some 250 a second, until the context ends."""
        over = asyncio.Event()

        async def keep_sending() -> None:
            left = iter(submissions(MOST_EVENTS))
            while not over.is_set():
                await send_all(self.pipeline, self.ledger, list(islice(left, 50)))
                await asyncio.sleep(0.2)

        sending = asyncio.create_task(keep_sending())
        try:
            await until(lambda: len(self.ledger.accepted) >= 200, "some load", 60)
            yield
        finally:
            over.set()
            await sending

    async def do(self, *words: str, code: int = 0) -> str:
        """A command, which must end with this exit code."""
        return await self._terminal.do(*words, code=code)

    async def status(self) -> dict[str, Any]:
        """The status, without what is said of the disk of whatever machine this is."""
        found = dict(json.loads(await self.do("status", "--json")))
        found["attention"] = [each for each in found["attention"] if each["about"] != "disk"]
        return found

    async def stage(self) -> dict[str, Any]:
        """How the classifier's stage is."""
        [found] = [each for each in (await self.status())["stages"] if each["name"] == "classifier"]
        return dict(found)

    async def dead_letters(self) -> int:
        return sum(each["waiting"] for each in (await self.status())["dead_letters"])

    async def start_classifier_with(self, **settings: Any) -> None:
        """Ends the classifier in order and starts it with other settings."""
        if self.classifier.runs():
            await asyncio.to_thread(self.classifier.stop)
        await self.forget_classifier()
        self.classifier.set(**settings)
        self.classifier.start()

    async def forget_classifier(self) -> None:
        """So that what is told next is told by the process that starts next."""
        await self.pipeline.database["stage_reports"].delete_many({"service": "classifier"})

    async def all_is_well(self) -> None:
        """Every accepted feedback is where it should be, once, and `verify` says so."""
        await self.ledger.settle(self.pipeline.database)

        async def caught_up() -> bool:
            return not any(each["lag"] for each in (await self.status())["stages"])

        await until(caught_up, "streams and tracking to have read it too", 60)
        told = await self.do("verify", "--since", "1h", "--settle", "1")
        assert "Everything is accounted for." in told


@asynccontextmanager
async def drill(
    kafka_servers: str, mongo_url: str, folder: Path, *expected_errors: str
) -> AsyncIterator[Drill]:
    pipeline = Pipeline(
        kafka_servers,
        mongo_url,
        folder,
        expected_errors=expected_errors,
        fast_alone=True,
        rate_items_per_second=UNLIMITED,
        rate_burst_items=UNLIMITED,
    )
    async with pipeline:
        yield Drill(pipeline, await Terminal.on(pipeline))


@pytest.mark.timeout(300)
async def test_a_corrupt_model_is_told_and_costs_nothing(
    kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    corrupt = corrupt_model(tmp_path / "corrupt")
    async with drill(kafka_servers, mongo_url, tmp_path, "start") as ours:
        async with ours.under_load():
            await ours.start_classifier_with(model_path=corrupt)
            started = monotonic()

            async def told() -> bool:
                return "refused to start" in str((await ours.status())["attention"])

            await until(told, "status to tell it", TOLD_SECONDS)
            assert monotonic() - started < TOLD_SECONDS
            assert await asyncio.to_thread(ours.classifier.wait) == 78
            first = (await ours.status())["attention"][0]
            assert (first["urgency"], first["about"]) == ("now", "classifier")
            assert "SHA-256" in first["what"]
            lag = (await ours.stage())["lag"]

            async def grows() -> bool:
                return bool((await ours.stage())["lag"] > lag)

            await until(grows, "the lag to grow while nobody classifies", 10)
            assert await ours.dead_letters() == 0
        await ours.start_classifier_with(model_path=None)
        await ours.classifier.ready()
        await ours.all_is_well()


@pytest.mark.timeout(300)
async def test_a_failing_model_opens_the_fuse_which_stays_open_until_it_is_reset(
    kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    failing = failing_model(tmp_path / "failing")
    async with drill(kafka_servers, mongo_url, tmp_path, "fuse") as ours:
        await ours.start_classifier_with(model_path=failing)
        await ours.classifier.ready()
        await ours.send()

        async def fuse_is_kept() -> bool:
            return (await ours.stage())["fuse"] is not None

        await until(fuse_is_kept, "the fuse to open", 60)
        ours.classifier.kill()
        await _starts_held(ours, model_path=failing)
        await _starts_held(ours, model_path=None)
        assert "open since" in await ours.do("fuse", "show")
        stage = await ours.stage()
        assert stage["lag"] == EVENTS, "the open batch was rewound, and nothing was read since"
        assert await ours.dead_letters() == 0, "what opens the fuse is not given up"
        await ours.do("fuse", "reset", "classifier", "--reason", "the model is put back")
        await ours.classifier.ready()
        await ours.all_is_well()
        assert "the model is put back" in await ours.do("audit", "list")


async def _starts_held(ours: Drill, **settings: Any) -> None:
    """Starts it again, and sees that the new process waits for a person."""
    before, pid = monotonic(), ours.classifier.pid
    await ours.start_classifier_with(**settings)
    assert ours.classifier.pid != pid

    async def held() -> bool:
        reasons = (await ours.stage())["reasons"]
        return "the fuse is open" in str(reasons)

    await until(held, "the fuse to be found open", 30)
    assert monotonic() - before < 30


@pytest.mark.timeout(300)
async def test_a_thousand_dead_letters_are_redriven_after_a_dry_run(
    kafka_servers: str, mongo_url: str, tmp_path: Path
) -> None:
    failing = failing_model(tmp_path / "failing")
    async with drill(kafka_servers, mongo_url, tmp_path) as ours:
        await ours.start_classifier_with(
            model_path=failing, fuse_dead=UNLIMITED, fuse_window=UNLIMITED, retry_attempts=1
        )
        await ours.classifier.ready()
        await ours.send(PLANTED)

        async def all_died() -> bool:
            return await ours.dead_letters() == PLANTED

        await until(all_died, f"{PLANTED} dead letters", 120)
        await ours.start_classifier_with(
            model_path=None, fuse_dead=None, fuse_window=None, retry_attempts=None
        )
        await ours.classifier.ready()
        redrive = ["dead-letters", "redrive", "--topic", "feedback.received"]
        redrive += ["--error", "Transient", "--reason", "the model is put back", "--rate", "10000"]
        shown = json.loads(await ours.do(*redrive, "--dry-run", "--json"))
        assert shown["total"] == PLANTED
        assert shown["examples"]
        assert await ours.dead_letters() == PLANTED, "a dry run changes nothing"
        told = json.loads(await ours.do(*redrive, "--yes", "--json"))
        assert (told["redriven"], told["failed"], told["state"]) == (PLANTED, 0, "done")
        assert await ours.dead_letters() == 0
        await ours.all_is_well()
        assert "dead_letters.redrive" in await ours.do("audit", "list")
        nothing = await ours.do(*redrive, "--yes", code=66)
        assert not nothing, "what was redriven is not redriven again"
