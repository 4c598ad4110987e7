"""The exported schemas are what the code says, and the golden examples fit both."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from schemas.codec import decode, encode
from schemas.export import FOLDER, documents, json_schema
from schemas.topics import CONSUMED, TOPICS, Topic

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"


def examples(topic: Topic) -> list[Path]:
    return sorted(EXAMPLES.glob(f"{topic.name}.*.json"))


@pytest.mark.parametrize("name", sorted(documents()))
def test_exported_file_is_reviewed(name: str) -> None:
    stored = (FOLDER / name).read_text()
    assert stored == documents()[name], "run `python -m schemas.export` and review the difference"


def test_no_exported_file_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(documents())


@pytest.mark.parametrize("topic", CONSUMED, ids=lambda topic: topic.name)
def test_every_topic_has_a_full_and_a_small_example(topic: Topic) -> None:
    names = [path.name.removeprefix(topic.name) for path in examples(topic)]
    assert ".v1.full.json" in names
    assert ".v1.small.json" in names


@pytest.mark.parametrize(
    ("topic", "path"),
    [(topic, path) for topic in CONSUMED for path in examples(topic)],
    ids=lambda value: getattr(value, "name", None),
)
def test_golden_example_reads_and_writes_back_the_same(topic: Topic, path: Path) -> None:
    document = json.loads(path.read_text())
    event = decode(path.read_bytes(), topic.event)
    assert json.loads(encode(event)) == document
    Draft202012Validator(json_schema(topic)).validate(document)


@pytest.mark.parametrize("topic", CONSUMED, ids=lambda topic: topic.name)
def test_unknown_fields_of_a_newer_producer_are_ignored(topic: Topic) -> None:
    document = json.loads(examples(topic)[0].read_text())
    newer = document | {"newattribute": 1, "data": document["data"] | {"new_field": {"a": 1}}}
    assert decode(json.dumps(newer).encode(), topic.event) == decode(
        json.dumps(document).encode(), topic.event
    )


def test_every_consumed_topic_has_a_dead_letter_twin() -> None:
    names = {topic.name for topic in TOPICS}
    assert all(f"{topic.name}.dead" in names for topic in CONSUMED)
