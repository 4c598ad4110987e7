"""Dead letters and dead items show no word of a person but to a key that reads text, for a reason.

By the command line and over HTTP; the words are planted where a stranger or a department may have
written them: in a record's key, its headers' names and values, its value, and a reason to give up.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.queues.mongo_store import MongoQueueStore
from services.runtime.deadletter import Failure, dead_letter, dead_letter_id
from services.runtime.errors import Malformed
from services.runtime.kafka import Producer
from services.runtime.metrics import Metrics
from tests.builders import feedback, feedback_id, record
from tests.component.queue_stores import new_item
from tests.console import CommandLine, Ended, give_key
from tests.pipeline import Pipeline

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORD = "smith"
KEY = "jane.smith@example.org"
THEIRS = "Mrs Smith said that she moved"
OURS = "received 5 times without an acknowledgement"
SOUND = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BECAUSE = "the charity asks what arrived"
THEIR_ITEM, OUR_ITEM = f"{feedback_id(1)}:DHSC", f"{feedback_id(2)}:DHSC"
STRANGERS = [
    ("x-sent-by", b"Jane Smith"),
    ("for-jane-smith", b"1"),
    ("traceparent", b"Jane Smith"),
    ("traceparent", SOUND.encode()),
]


@dataclass(frozen=True)
class Planted:
    """A console, the ids of what is planted, and an operator's key of each kind."""

    pipeline: Pipeline
    stranger: str
    known: str
    plain: str
    reader: str

    async def run(self, *words: str, key: str | None = None, columns: int = 200) -> Ended:
        environment = self.pipeline.environment | {"COLUMNS": str(columns)}
        line = CommandLine(environment, key or self.plain)
        return await asyncio.to_thread(line, "dead-letters", *words)

    async def ask(self, *words: str, key: str | None = None) -> Any:
        return (await self.run(*words, "--json", key=key)).json()

    def http(self, key: str) -> httpx.AsyncClient:
        return self.pipeline.http("console", key)

    async def audited(self) -> list[tuple[str, str]]:
        """Subject and reason of each showing of text, the first first."""
        found = self.pipeline.database["audit"].find({"action": "dead_letters.text"})
        rows = await found.sort("_id", 1).to_list(None)
        return [(each["subject"], each["reason"]) for each in rows]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def planted(
    kafka_servers: str, mongo_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Planted]:
    folder = tmp_path_factory.mktemp("words")
    async with Pipeline(kafka_servers, mongo_url, folder, services=("console",)) as running:
        stranger = await lay_dead(running, 7, KEY.encode(), STRANGERS)
        known = await lay_dead(running, 8, feedback_id(8).encode(), [])
        await give_up_items(running)
        keys = [
            await give_key(running.database, "operator", name, reads_text=reads)
            for name, reads in (("on-call", False), ("reader", True))
        ]
        yield Planted(running, stranger, known, *keys)


async def lay_dead(
    pipeline: Pipeline, offset: int, key: bytes, headers: list[tuple[str, bytes]]
) -> str:
    """A dead letter as the classifier writes it; says its id."""
    topic, group = f"{pipeline.topic_prefix}feedback.received", f"{pipeline.topic_prefix}classifier"
    value = b'{"text": "Jane Smith was here"}'
    died = record(value, topic=topic, offset=offset, key=key, headers=tuple(headers))
    now = datetime.now(UTC)
    failure = Failure(died, Malformed("not an event"), 1, now, now)
    async with Producer(pipeline.provisioning, "test", Metrics()) as producer:
        await producer.publish([dead_letter(failure, group, "classifier", "1.0")])
    return dead_letter_id(topic, 0, offset, group)


async def give_up_items(pipeline: Pipeline) -> None:
    """One that its department gave up in its own words, and one that nobody acknowledged."""
    queue = MongoQueueStore(pipeline.database)
    await queue.enqueue([feedback(1), feedback(2)], [new_item(1, "DHSC"), new_item(2, "DHSC")])
    leases = [each.lease for each in await queue.receive("DHSC", 2, 60)]
    await queue.dead_letter("DHSC", leases, THEIRS)
    await pipeline.database["queue_items"].update_one(
        {"_id": OUR_ITEM}, {"$set": {"settlement.token": None, "settlement.reason": OURS}}
    )


ALL = ("--department", "DHSC")
DRY = ("redrive", *ALL, "--all", "--reason", "to look", "--dry-run")


async def test_no_command_tells_a_persons_words_unasked(planted: Planted) -> None:
    for words in (
        ("list",),
        ("show", planted.stranger),
        ("redrive", "--all", "--reason", "to look", "--dry-run"),
        ("list", *ALL),
        ("show", THEIR_ITEM),
        DRY,
    ):
        for key in (planted.plain, planted.reader):
            for more in ((), ("--json",)):
                told = await planted.run(*words, *more, key=key)
                assert told.code == 0, told.err
                assert WORD not in (told.out + told.err).lower(), words
    assert await planted.audited() == []


async def test_no_route_tells_a_persons_words_unasked(planted: Planted) -> None:
    for key in (planted.plain, planted.reader):
        async with planted.http(key) as client:
            for path in (
                "dead-letters",
                f"dead-letters/{planted.stranger}",
                "dead-letters/preview",
                "dead-items",
                f"dead-items/{THEIR_ITEM}",
                "dead-items/preview",
            ):
                told = await client.get(f"/v1/{path}")
                assert told.status_code == 200, told.text
                assert WORD not in told.text.lower(), path


async def test_what_we_wrote_of_a_record_is_shown_and_what_is_left_out_is_said(
    planted: Planted,
) -> None:
    shown = (await planted.ask("show", planted.stranger))["record"]
    assert (shown["key"], shown["key_withheld"], shown["headers_withheld"]) == (None, True, 3)
    names = [name for name, _ in shown["headers"]]
    assert ["traceparent", SOUND] in shown["headers"]
    assert ["frontline-dead-reason", "not an event"] in shown["headers"]
    assert all(name.startswith("frontline-dead-") or name == "traceparent" for name in names)
    told = await planted.run("show", planted.stranger, columns=80)
    assert "its key, 3 headers and its 31 bytes" in " ".join(told.out.split())
    ours = (await planted.ask("show", planted.known))["record"]
    assert (ours["key"], ours["key_withheld"], ours["headers_withheld"]) == (
        feedback_id(8),
        False,
        0,
    )


async def test_reasons_of_the_pipeline_stay_and_those_of_departments_are_named(
    planted: Planted,
) -> None:
    items = {each["id"]: each for each in (await planted.ask("list", *ALL))["items"]}
    assert (items[OUR_ITEM]["reason"], items[OUR_ITEM]["reason_is_theirs"]) == (OURS, False)
    assert (items[THEIR_ITEM]["reason"], items[THEIR_ITEM]["reason_is_theirs"]) == (None, True)
    narrow = await planted.run("list", *ALL, columns=80)
    assert THEIR_ITEM in narrow.out
    assert "--text" in narrow.out
    assert max(map(len, narrow.out.splitlines())) <= 80
    one = await planted.run("show", THEIR_ITEM, columns=80)
    assert "department's words" in one.out
    assert f"trace {feedback_id(1)} --text" in one.out


async def test_matching_goes_by_our_own_reasons_unless_text_is_read(planted: Planted) -> None:
    told = await planted.run("list", *ALL, "--matching", WORD)
    assert told.out == "No dead items.\n"
    assert "--text" in told.err
    assert (await planted.ask("list", *ALL, "--matching", "5 TIMES"))["total"] == 1
    told = await planted.run("redrive", *ALL, "--matching", WORD, "--reason", "r", "--yes")
    assert told.code == 66
    assert "--text" in told.err
    reading = ("--matching", WORD, "--text")
    for words in (("list", *ALL), DRY, ("discard", *ALL, "--reason", "r", "--dry-run")):
        why = () if "--reason" in words else ("--reason", BECAUSE)
        assert (await planted.run(*words, *reading, *why)).code == 77
        assert (await planted.ask(*words, *reading, *why, key=planted.reader))["total"] == 1
    entries = await planted.pipeline.database["audit"].find({}).to_list(None)
    assert WORD not in str(entries).lower(), "the audit is never erased"
    async with planted.http(planted.reader) as client:
        body = {"matching": WORD, "reason": BECAUSE}
        for path in ("redrive", "discard"):
            assert (await client.post(f"/v1/dead-items/{path}", json=body)).status_code == 404
    async with planted.http(planted.plain) as client:
        asked: dict[str, Any] = {**body, "text": True}
        for path in ("redrive", "discard"):
            assert (await client.post(f"/v1/dead-items/{path}", json=asked)).status_code == 403


@pytest.mark.parametrize("what", ["a letter", "an item", "a list"])
async def test_commands_show_text_for_a_reason_and_audit_it_as_given(
    planted: Planted, what: str
) -> None:
    words, subject = {
        "a letter": (("show", planted.stranger), planted.stranger),
        "an item": (("show", THEIR_ITEM), THEIR_ITEM),
        "a list": (("list", *ALL), "dead items"),
    }[what]
    before = await planted.audited()
    asked = ("--text", "--reason", BECAUSE)
    for key, flags, code in (
        (planted.reader, asked[:1], 2),
        (planted.reader, asked[1:], 2),
        (planted.plain, asked, 77),
    ):
        refused = await planted.run(*words, *flags, key=key)
        assert (refused.code, refused.out) == (code, ""), flags
    assert await planted.audited() == before
    for more in ((), ("--json",)):
        told = await planted.run(*words, *asked, *more, key=planted.reader)
        assert "Smith" in told.out, told.err
        if what == "a letter":
            assert KEY in told.out
    assert (await planted.audited())[len(before) :] == [(subject, BECAUSE)] * 2


async def test_routes_show_text_for_a_reason_and_audit_it_as_given(planted: Planted) -> None:
    before = await planted.audited()
    paths = {
        f"/v1/dead-letters/{planted.stranger}/text": planted.stranger,
        f"/v1/dead-items/{THEIR_ITEM}/text": THEIR_ITEM,
        "/v1/dead-items/text": "dead items",
    }
    async with planted.http(planted.plain) as client:
        for path in paths:
            assert (await client.post(path, json={"reason": BECAUSE})).status_code == 403
    async with planted.http(planted.reader) as client:
        for path in paths:
            assert (await client.post(path, json={})).status_code == 422
            told = await client.post(path, json={"reason": BECAUSE})
            assert told.status_code == 200, told.text
            assert "Smith" in told.text
        page = await client.post(
            "/v1/dead-items/text", json={"reason": BECAUSE, "matching": WORD, "limit": 1}
        )
        assert [each["id"] for each in page.json()["items"]] == [THEIR_ITEM]
    expected = [(subject, BECAUSE) for subject in paths.values()]
    assert (await planted.audited())[len(before) :] == [*expected, ("dead items", BECAUSE)]


async def test_text_is_refused_in_words_where_there_is_none(planted: Planted) -> None:
    for words in (
        ("list", "--text", "--reason", BECAUSE),
        ("redrive", "--all", "--text", "--reason", BECAUSE, "--dry-run"),
        ("discard", "--all", "--text", "--reason", BECAUSE, "--dry-run"),
    ):
        refused = await planted.run(*words, key=planted.reader)
        assert (refused.code, refused.out) == (2, ""), words
        assert "show" in refused.err
