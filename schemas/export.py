"""Writes the contracts as JSON Schema and AsyncAPI 3: `python -m schemas.export`."""

import json
from pathlib import Path
from typing import Any

from schemas.topics import CONSUMED, TOPICS, Topic

FOLDER = Path(__file__).parent / "exported"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DELIVERY = (
    "At least once, in order per key. A failing record is retried with exponential back-off and"
    " jitter within a budget per batch (4 tries, 20 s unless set otherwise); one that stays"
    " malformed or failing goes whole to {dead}, and its offset is committed when the broker has"
    " confirmed that. An outage of a dependency rewinds the batch and never spends a try."
)
_DEAD = (
    "Records that a reader of {name} gave up: original key, bytes and headers, and headers named"
    " frontline-dead-* with id, topic, partition, offset, group, error, reason, attempts, first-at,"
    " last-at, service and version."
)


def json_schema(topic: Topic) -> dict[str, Any]:
    """The JSON Schema of a topic's event."""
    return {"$schema": _DIALECT, **topic.event.model_json_schema(mode="serialization")}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI document of every topic, with its retry and dead-letter behaviour."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Frontline events",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in structured JSON mode, keyed by feedback id.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(pair for topic in CONSUMED for pair in _operations(topic)),
        "components": {"messages": {topic.name: _message(topic) for topic in CONSUMED}},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    origin = topic.name.removesuffix(".dead")
    return {
        "address": topic.name,
        "description": _DEAD.format(name=origin) if origin != topic.name else topic.event.__doc__,
        "messages": {"event": {"$ref": f"#/components/messages/{origin}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": int(topic.retention.total_seconds() * 1000),
                    "max.message.bytes": topic.max_record_bytes,
                },
            }
        },
    }


def _message(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.event.TYPE,
        "contentType": "application/cloudevents+json",
        "payload": {"$ref": f"./{topic.name}.v1.json"},
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}}},
    }


def _operations(topic: Topic) -> list[tuple[str, dict[str, Any]]]:
    channel = {"$ref": f"#/channels/{topic.name}"}
    send = {
        "action": "send",
        "channel": channel,
        "summary": f"{topic.sent_by} publishes, confirmed by all in-sync replicas.",
    }
    delivery = _DELIVERY.format(dead=topic.dead_letters().name)
    reads = [
        (
            f"{reader}.receive.{topic.name}",
            {"action": "receive", "channel": channel, "description": delivery},
        )
        for reader in topic.read_by
    ]
    return [(f"{topic.sent_by}.send.{topic.name}", send), *reads]


def documents() -> dict[str, str]:
    """Every exported file by name, as it should be on disk."""
    made = {f"{topic.name}.v1.json": json_schema(topic) for topic in CONSUMED}
    made["asyncapi.json"] = asyncapi()
    return {
        name: json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        for name, document in made.items()
    }


if __name__ == "__main__":
    for name, text in documents().items():
        (FOLDER / name).write_text(text)
