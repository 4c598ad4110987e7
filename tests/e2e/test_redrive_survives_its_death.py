"""Operators redrive and discard from the command line, on a real Kafka and MongoDB.

The command line is killed in the middle of a redrive, as `kill -9` does, and run again.
"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.codec import encode
from schemas.topics import RECEIVED
from services.deadletters.dead_letter_store import MongoDeadLetterStore
from services.deadletters.filter import Filter
from services.deadletters.letter import State
from services.queues.mongo_store import MongoQueueStore
from services.runtime.browse import Browser
from services.runtime.deadletter import Failure, dead_letter
from services.runtime.errors import Malformed, Permanent
from services.runtime.kafka import Producer
from services.runtime.metrics import Metrics
from services.runtime.redrive import read_redriven
from tests.builders import NOON, feedback, feedback_id, received, record
from tests.component.queue_stores import new_item
from tests.console import Terminal
from tests.pipeline import ROOT, Pipeline
from tests.standstill import POINTS
from tests.waiting import until

LETTERS = 250
PARTITIONS = RECEIVED.partitions


@pytest.fixture
async def pipeline(kafka_servers: str, mongo_url: str, tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with Pipeline(kafka_servers, mongo_url, tmp_path, services=()) as running:
        yield running


def start(terminal: Terminal, module: str, *words: str) -> subprocess.Popen[str]:
    """Starts a command to be ended from outside."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=ROOT,
        env=terminal.line.variables(None, {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def plant(pipeline: Pipeline, count: int = LETTERS) -> None:
    """Dead letters as the classifier would have written them; every tenth of another error."""
    topic = pipeline.topic_prefix + RECEIVED.name
    records = []
    for number in range(count):
        died = record(
            encode(received(number)),
            topic=topic,
            partition=number % PARTITIONS,
            offset=1_000 + number,
            key=feedback_id(number).encode(),
        )
        error = Malformed("not an event") if number % 10 == 0 else Permanent("cannot be tagged")
        failure = Failure(died, error, 1, NOON, NOON)
        records.append(
            dead_letter(failure, pipeline.topic_prefix + "classifier", "classifier", "broken-1")
        )
    async with Producer(pipeline.provisioning, "planter", Metrics()) as producer:
        await producer.publish(records)


async def redriven(pipeline: Pipeline) -> list[tuple[str, int]]:
    """Letter id and count of every redriven record on the origin topic."""
    topic = pipeline.topic_prefix + RECEIVED.name
    found = []
    async with Browser(pipeline.provisioning) as browser:
        starts, ends = await browser.beginnings(topic), await browser.ends(topic)
        async for each in browser.read(topic, starts, ends):
            told = read_redriven(each)
            assert told is not None
            assert each.partition == told.partition
            assert each.key == feedback_id(told.offset - 1_000).encode()
            assert each.value == encode(received(told.offset - 1_000))
            found.append((told.letter_id, told.count))
    return sorted(found)


async def every_id(pipeline: Pipeline, state: State) -> list[str]:
    letters = MongoDeadLetterStore(pipeline.database)
    return sorted([each.id async for each in letters.every(Filter(states=(state,)))])


async def kill_at(point: str, pipeline: Pipeline, terminal: Terminal, folder: Path) -> None:
    """Begins a redrive of everything and kills it at the point."""
    reached = folder / "reached"
    words = ("dead-letters", "redrive", "--all", "--reason", "mended", "--yes", "--rate", "100000")
    process = start(terminal, "tests.standstill", point, str(reached), *words)
    try:
        await until(
            lambda: reached.exists() or process.poll() is not None, f"it to stand {point}", 60
        )
        assert reached.exists(), process.stderr.read() if process.stderr else ""
    finally:
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.communicate)
    # its lease runs out by itself, in 20 seconds
    past = [{"$set": {"held_until": {"$subtract": ["$$NOW", 1]}}}]
    await pipeline.database["redrives"].update_many({}, past)


@pytest.mark.parametrize("point", POINTS)
async def test_killed_and_run_again_each_letter_is_redriven_once(
    pipeline: Pipeline, tmp_path: Path, point: str
) -> None:
    await plant(pipeline)
    terminal = await Terminal.on(pipeline)
    looked = await terminal.ask(
        "dead-letters", "redrive", "--all", "--reason", "to look", "--dry-run"
    )
    assert looked["total"] == LETTERS
    assert {each["error"]: each["letters"] for each in looked["piles"]} == {
        "Permanent": LETTERS - LETTERS // 10,
        "Malformed": LETTERS // 10,
    }
    assert await redriven(pipeline) == [], "a dry run changes nothing"

    await kill_at(point, pipeline, terminal, tmp_path)
    before = await redriven(pipeline)
    assert len(before) == {"claimed": 100, "published": 200, "between chunks": 200}[point]
    again = ("dead-letters", "redrive", "--all", "--reason", "mended", "--yes")
    ended = await terminal.ask(*again, "--rate", "100000")
    assert (ended["state"], ended["redriven"], ended["failed"]) == ("done", LETTERS, 0)

    ids = await every_id(pipeline, State.REDRIVEN)
    assert len(ids) == LETTERS
    assert await redriven(pipeline) == [(name, 1) for name in ids]
    actions = [each["action"] for each in await terminal.ask("audit", "list")]
    assert actions.count("dead_letters.redrive") == 2
    assert actions.count("dead_letters.redrive_ended") == 1
    assert (await terminal.run("audit", "check")).code == 0
    refused = await terminal.run(*again)
    assert (refused.code, refused.out) == (66, "")


async def test_ctrl_c_leaves_a_redrive_to_be_gone_on_with(pipeline: Pipeline) -> None:
    await plant(pipeline, 30)
    terminal = await Terminal.on(pipeline)
    words = ["dead-letters", "redrive", "--all", "--reason", "mended", "--yes", "--rate", "5"]
    process = start(terminal, "services.console.cli", *words, "--name", "slow")

    async def some() -> int:
        return await pipeline.database["dead_letters"].count_documents({"state": "redriven"})

    await until(some, "the first to be redriven", 60)
    process.send_signal(signal.SIGINT)
    _, err = await asyncio.to_thread(process.communicate)
    assert process.returncode == 130, err
    assert "--name slow" in err
    assert "Traceback" not in err
    cancelled = await terminal.ask("dead-letters", "cancel", "slow", "--reason", "too slow")
    assert cancelled["state"] == "cancelled"
    done = len(await redriven(pipeline))
    assert 0 < done < 30
    assert len(await every_id(pipeline, State.WAITING)) == 30 - done
    [listed] = await terminal.ask("dead-letters", "redrives")
    assert (listed["name"], listed["redriven"], listed["cancel_by"]) == ("slow", done, "on-call")


async def test_letters_are_listed_shown_and_discarded(pipeline: Pipeline) -> None:
    await plant(pipeline, 20)
    terminal = await Terminal.on(pipeline)
    page = await terminal.ask("dead-letters", "list", "--error", "Malformed", "--limit", "1")
    assert page["total"] == 2
    [letter] = page["letters"]
    words = received(0).data.text
    for human in (True, False):
        flags = () if human else ("--json",)
        shown = await terminal.run("dead-letters", "show", letter["id"], *flags)
        assert "not an event" in shown.out
        assert words not in shown.out
    asked = ("dead-letters", "show", letter["id"], "--text", "--reason", "the client is asked")
    assert (await terminal.run(*asked)).code == 77
    reader = await Terminal.on(pipeline, reads_text=True)
    assert words in (await reader.ask(*asked))["record"]["value"]

    discard = ("dead-letters", "discard", "--error", "Malformed", "--reason", "planted")
    assert (await terminal.run(*discard)).code == 2, "nobody is there to ask"
    assert (await terminal.ask(*discard, "--yes")) == {"discarded": 2}
    assert (await terminal.run(*discard, "--yes")).code == 66
    listed = await terminal.ask("dead-letters", "list", "--state", "discarded")
    assert [each["discard"]["reason"] for each in listed["letters"]] == ["planted", "planted"]
    [entry] = await terminal.ask("audit", "list", "--action", "dead_letters.text")
    assert (entry["subject"], entry["reason"]) == (letter["id"], "the client is asked")


BAD_INPUT = [
    (("list", "--topic", "feedback.unknown"), 2, "There is no topic"),
    (("list", "--state", "alive"), 2, "There is no state"),
    (("list", "--department", "ministry-of-magic"), 2, "There is no department"),
    (("show", "no-such-letter"), 66, "There is no dead letter"),
    (("show", "no-such:item"), 66, "There is no dead item"),
    (("redrive", "--all", "--reason", "r", "--yes"), 66, "No dead letter matches"),
    (("redrive", "--reason", "r", "--yes"), 2, "give ids or a filter"),
    (("redrive", "--all", "--reason", "r", "--name", "a b", "--yes"), 2, "A redrive's name"),
    (("redrive", "--state", "redriven", "--reason", "r", "--yes"), 2, "Only waiting"),
    (("discard", "--department", "all", "--reason", "r", "--yes"), 2, "give ids or a filter"),
    (("discard", "--department", "all", "--all", "--reason", "r"), 66, "No dead item matches"),
    (("cancel", "nothing", "--reason", "r"), 66, "There is no redrive"),
]


async def test_bad_input_is_answered_in_one_line(pipeline: Pipeline) -> None:
    terminal = await Terminal.on(pipeline)
    for words, code, said in BAD_INPUT:
        ended = await terminal.run("dead-letters", *words)
        assert (ended.code, ended.out) == (code, ""), words
        assert said in ended.err
        assert ended.err.count("\n") == 1, ended.err


async def test_dead_items_of_a_queue_are_mended_with_the_same_verbs(pipeline: Pipeline) -> None:
    terminal = await Terminal.on(pipeline, reads_text=True)
    queue = MongoQueueStore(pipeline.database)
    await queue.enqueue([feedback(1), feedback(2)], [new_item(1), new_item(2)])
    leases = [each.lease for each in await queue.receive("MHCLG", 2, 60)]
    await queue.dead_letter("MHCLG", leases, "no such team")

    item = leases[0].item_id
    page = await terminal.ask("dead-letters", "list", "--department", "all")
    assert page["total"] == 2
    shown = await terminal.ask("dead-letters", "show", item, "--text", "--reason", "to help them")
    assert shown["reason"] == "no such team"
    mend = ("--department", "MHCLG", "--reason", "they have a team now", "--yes")
    done = await terminal.ask("dead-letters", "redrive", item, *mend)
    assert done == {"expected": 1, "changed": 1}
    done = await terminal.ask("dead-letters", "discard", "--text", "--matching", "SUCH TEAM", *mend)
    assert done == {"expected": 1, "changed": 1}
    assert [each.item_id for each in await queue.receive("MHCLG", 2, 60)] == [item]
    listed = await terminal.run("dead-letters", "list", "--department", "MHCLG")
    assert listed.out == "No dead items.\n"
