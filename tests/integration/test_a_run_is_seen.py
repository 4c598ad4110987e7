"""One run of the whole pipeline, as `trace`, spans and metrics show it; nobody's words in them."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from deploy.observability.metrics_page import metrics
from schemas.departments import load_departments
from schemas.topics import TOPICS
from schemas.tracing import child
from services.runtime.metric import Label
from services.stages.stage import STAGES
from tests.builders import feedback_id
from tests.collector import Collector, Seen, collector
from tests.console import CommandLine, Ended, give_key
from tests.pipeline import Pipeline
from tests.waiting import until

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
WORDS = "Zebulon Quartermaine of 14 Plum Street waits nine weeks for damp and mould to be mended"
KEY = "visit-of-zebulon"
PLANTED = ("Zebulon", "Quartermaine", "Plum Street", KEY, "advice-shed", "Advice Shed")


@dataclass
class Run:
    """What was seen of it."""

    prefix: str = ""
    id: str = ""
    reference: str = ""
    poisoned: str = feedback_id(77)
    trace: dict[str, Any] = field(default_factory=dict)
    poison: dict[str, Any] = field(default_factory=dict)
    table: str = ""
    ended: dict[str, Ended] = field(default_factory=dict)
    spans: list[Seen] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    scrapes: dict[str, str] = field(default_factory=dict)
    audit: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def run(kafka_servers: str, mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    with collector() as made, ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, _run(kafka_servers, mongo_url, folder, made)).result()


async def _run(servers: str, mongo_url: str, folder: Path, made: Collector) -> Run:
    run = Run()
    pipeline = Pipeline(servers, mongo_url, folder, fast_alone=True, otlp_endpoint=made.url)
    async with pipeline:
        run.prefix = pipeline.topic_prefix
        await _submit(pipeline, run)
        await _poison(pipeline, run)
        await pipeline.drained()
        await _acknowledge(pipeline, run)
        reader = await give_key(pipeline.database, "operator", "reader", reads_text=True)
        line = CommandLine(pipeline.environment, await pipeline.key("operator", "on-call"))
        run.trace = await until(lambda: _whole(line, run.id, len(STAGES)), "every hop", 30)
        run.poison = await until(lambda: _whole(line, run.poisoned, 1), "the dead letter", 30)
        await _ask(line, reader, run)
        await until(lambda: _enough(made, run.id), "every span", 30)
        run.audit = await pipeline.database["audit"].find().to_list(None)
        async with httpx.AsyncClient() as client:
            for name, service in pipeline.services.items():
                run.scrapes[name] = (await client.get(f"{service.url}/metrics")).text
    run.spans, run.bodies = made.spans, made.bodies
    return run


async def _submit(pipeline: Pipeline, run: Run) -> None:
    async with pipeline.http("intake", pipeline.charity_key) as client:
        answer = await client.post(
            "/v1/feedback",
            json={"kind": "observation", "text": WORDS},
            headers={"Idempotency-Key": KEY, "traceparent": CALLER},
        )
        run.id, run.reference = answer.json()["id"], answer.json()["reference"]
        await client.get(f"/v1/feedback/{run.id}")
        await client.get(f"/nowhere/{KEY}")


async def _poison(pipeline: Pipeline, run: Run) -> None:
    async with AIOKafkaProducer(bootstrap_servers=pipeline.kafka_servers) as producer:
        for key in (run.poisoned.encode(), WORDS.encode()):
            topic = pipeline.topic_prefix + "feedback.received"
            await producer.send_and_wait(topic, WORDS.encode(), key)


async def _acknowledge(pipeline: Pipeline, run: Run) -> None:
    items = pipeline.database["queue_items"]
    item = await until(lambda: items.find_one({"role": "lead"}), "the item to be queued")
    slug = load_departments().by_code(item["department"]).slug
    queue = f"/v1/departments/{slug}/queue"
    async with pipeline.http("departments", await pipeline.key("department", slug)) as client:
        [leased] = (await client.post(f"{queue}/receive", json={})).json()["items"]
        assert leased["traceparent"] == item["traceparent"]
        lease = {name: leased[name] for name in ("item_id", "lease_token")}
        await client.post(f"{queue}/acknowledge", json={"leases": [lease]})


async def _whole(line: CommandLine, wanted: str, hops: int) -> dict[str, Any] | None:
    ended = await asyncio.to_thread(line, "trace", wanted, "--json")
    found: dict[str, Any] = json.loads(ended.out) if ended.code == 0 else {}
    marked = found.get("published_at") or not found.get("accepted_at")  # marks are written later
    return found if len(found.get("hops", ())) >= hops and marked else None


async def _ask(line: CommandLine, reader: str, run: Run) -> None:
    commands = {
        "table": (("trace", run.reference.lower()), None),
        "text": (("trace", run.reference, "--text", "--reason", "it was asked for"), reader),
        "no reason": (("trace", run.reference, "--text"), reader),
        "not allowed": (("trace", run.reference, "--text", "--reason", "curious"), None),
        "unknown": (("trace", "ZZZZZZZZ"), None),
        "unknown id": (("trace", feedback_id(404)), None),
        "nonsense": (("trace", "no such thing"), None),
    }
    for name, (words, key) in commands.items():
        run.ended[name] = await asyncio.to_thread(line, *words, key=key)


def _enough(made: Collector, wanted: str) -> bool:
    mine = [each for each in made.spans if each.attributes["frontline.feedback_id"] == wanted]
    return len(mine) >= len(STAGES) + 2


def test_trace_shows_every_hop_in_order_with_its_place_times_and_version(run: Run) -> None:
    hops = run.trace["hops"]
    assert sorted(hop["stage"] for hop in hops) == sorted(stage.name for stage in STAGES)
    order = [hop["stage"] for hop in hops]
    assert order.index("classifier") < order.index("router") < order.index("tracking-progressed")
    for hop in hops:
        assert hop["outcome"] == "handled"
        assert hop["attempts"] == 1
        assert hop["topic"].startswith(run.prefix)
        assert hop["waited_seconds"] >= 0
        assert hop["took_seconds"] >= 0
        assert hop["version"]


def test_trace_shows_rules_model_queues_leases_and_acknowledgement(run: Run) -> None:
    [decision] = run.trace["decisions"]
    assert decision["rule_version"]
    assert decision["model_version"]
    assert {each["department"] for each in decision["departments"]} == {
        each["department"] for each in run.trace["items"]
    }
    [done] = [each for each in run.trace["items"] if each["state"] == "settled"]
    assert done["receive_count"] == 1
    assert done["ended_at"] > done["queued_at"]
    assert done["lease_until"]
    assert run.trace["published_at"] >= run.trace["accepted_at"]


def test_a_given_up_record_is_traced_to_its_dead_letter(run: Run) -> None:
    [letter] = run.poison["dead_letters"]
    assert letter["error"] == "Malformed"
    assert letter["state"] == "waiting"
    [hop] = run.poison["hops"]
    assert (hop["outcome"], hop["error"], hop["stage"]) == ("dead", "Malformed", "classifier")
    assert (hop["partition"], hop["offset"]) == (letter["partition"], letter["offset"])


def test_a_person_reads_it_as_a_table(run: Run) -> None:
    shown = run.ended["table"]
    assert shown.code == 0, shown.err
    for words in (run.id, run.reference, "accepted", "classifier", "router", "acknowledged by"):
        assert words in shown.out
    assert "1 acknowledged" in shown.out


def test_text_is_shown_only_to_a_key_that_reads_it_and_is_audited(run: Run) -> None:
    assert WORDS in run.ended["text"].out
    assert run.ended["no reason"].code == 2
    assert run.ended["not allowed"].code == 77
    [entry] = [each for each in run.audit if each["action"] == "trace.text"]
    assert (entry["by"], entry["subject"]) == ("reader", run.id)
    for name, ended in run.ended.items():
        assert name == "text" or "Zebulon" not in ended.out + ended.err
    assert "Zebulon" not in json.dumps(run.trace) + json.dumps(run.poison)


def test_what_is_not_there_is_said_in_one_line(run: Run) -> None:
    codes = {name: run.ended[name].code for name in ("unknown", "unknown id", "nonsense")}
    assert codes == {"unknown": 66, "unknown id": 66, "nonsense": 2}
    for name in codes:
        assert run.ended[name].out == ""
        assert len(run.ended[name].err.splitlines()) == 1


def test_spans_of_every_service_hang_together_below_the_caller_s(run: Run) -> None:
    mine = [each for each in run.spans if each.attributes["frontline.feedback_id"] == run.id]
    assert {each.trace_id for each in mine} == {CALLER[3:35]} == {run.trace["trace_id"]}
    assert {each.service for each in mine} == {"intake", "classifier", "router", "departments"}
    ids = {each.span_id for each in mine}
    assert len(ids) == len(mine) == len(STAGES) + 2
    [first] = [each for each in mine if each.parent not in ids]
    assert (first.name, first.parent) == ("submission", CALLER[36:52])
    assert first.span_id == child(CALLER, run.id, "submission", "/frontline/intake")[36:52]


def test_no_span_carries_what_a_person_wrote(run: Run) -> None:
    sent = b"".join(run.bodies)
    for words in (*PLANTED, run.reference):
        assert words.encode() not in sent


def test_every_metric_of_running_processes_is_in_the_catalogue(run: Run) -> None:
    known = {each.name for each in metrics().values()}
    for text in run.scrapes.values():
        assert {_name(each) for each in text_string_to_metric_families(text)} <= known


def test_every_label_has_values_of_code_and_configuration_alone(run: Run) -> None:
    by_name = {each.name: each for each in metrics().values()}
    samples = 0
    for text in run.scrapes.values():
        for family in text_string_to_metric_families(text):
            labels = {each.name: each for each in by_name[_name(family)].labels}
            for sample in family.samples:
                for name, value in sample.labels.items():
                    if name != "le":
                        samples += 1
                        assert _is_one_of(labels[name], value, run.prefix), (sample.name, name)
    assert samples > 100


def _name(family: Metric) -> str:
    """Beside each counter and histogram the client tells when it was made."""
    return family.name.removesuffix("_created")


def _is_one_of(label: Label, value: str, prefix: str) -> bool:
    if label.values:
        return value in label.values
    if label.name == "department":
        return value in load_departments()
    if label.name == "route":
        return (
            value == "unmatched"
            or re.fullmatch(r"(/[a-z0-9.-]+|/\{[a-z_:]+\})+", value) is not None
        )
    allowed = {
        "topic": {prefix + topic.name for topic in TOPICS},
        "group": {stage.group_name(prefix) for stage in STAGES},
        "partition": {str(number) for number in range(6)},
        "status": {str(number) for number in range(200, 600)},
    }
    return value in allowed[label.name]


def test_no_metric_carries_what_a_person_wrote_or_is_called(run: Run) -> None:
    for text in run.scrapes.values():
        for words in (*PLANTED, run.id, run.reference, run.poisoned):
            assert words not in text
