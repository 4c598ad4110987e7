"""What people corrected comes out of the topic as rows that training reads, with who and when."""

import io
import json
from pathlib import Path

import pytest

from schemas.codec import encode
from schemas.correction import CorrectedFeedback
from schemas.envelope import FeedbackCorrected
from schemas.feedback import Marking
from schemas.topics import CORRECTED
from services.classifier.corrections import export
from services.classifier.settings import ClassifierSettings
from services.classifier.training.corpus import OwnText, read_own_texts
from services.runtime.errors import Unavailable
from services.runtime.kafka import Producer, Record
from services.runtime.metrics import Metrics
from tests.builders import NOON, feedback, tagging
from tests.delivery import Topic


def corrected(
    number: int, *areas: str, revision: int = 2, marking: Marking = Marking.OPEN
) -> bytes:
    item = feedback(number, marking=marking)
    data = CorrectedFeedback(
        feedback=item,
        before=tagging("housing", threshold_version="1"),
        areas=areas,
        departments=("DHSC",),
        department="MHCLG",
        team="housing-quality-team",
        at=NOON,
    )
    return encode(
        FeedbackCorrected.of(
            data, feedback_id=item.id, marking=marking, time=NOON, revision=revision
        )
    )


async def publish(settings: ClassifierSettings, name: str, values: list[bytes]) -> None:
    async with Producer(settings, "test", Metrics()) as producer:
        await producer.publish([Record(name, str(at).encode(), v) for at, v in enumerate(values)])


async def test_the_newest_correction_of_each_text_is_exported(
    kafka_servers: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = ClassifierSettings(kafka_servers=kafka_servers, topic_prefix=topic_prefix)
    name = topic_prefix + CORRECTED.name
    await Topic(kafka_servers, topic_prefix, CORRECTED).create()
    await publish(
        settings,
        name,
        [
            corrected(1, "public-health"),
            corrected(1, "nhs-services", "public-health", revision=3),
            corrected(2, "tax", marking=Marking.SENSITIVE),
            b"no event",
        ],
    )
    out, complaints = io.StringIO(), io.StringIO()
    assert await export(settings, [Marking.OPEN], out, complaints) == 1
    assert "1 rows, 1 left out for their marking, 1 records unreadable" in complaints.getvalue()
    [row] = [json.loads(line) for line in out.getvalue().splitlines()]
    assert row["areas"] == ["nhs-services", "public-health"]
    assert row["corrected"] == {
        "by": "MHCLG/housing-quality-team",
        "at": NOON.isoformat(),
        "was": ["housing"],
        "model_version": "test-1",
        "vocabulary_version": "test-1",
        "threshold_version": "1",
    }
    (tmp_path / "corrected.jsonl").write_text(out.getvalue())
    assert list(read_own_texts("training", tmp_path)) == [
        OwnText(
            feedback(1).text,
            ("nhs-services", "public-health"),
            ("DHSC",),
            register="corrected",
        )
    ]


async def test_a_missing_topic_says_what_to_do(kafka_servers: str, topic_prefix: str) -> None:
    settings = ClassifierSettings(kafka_servers=kafka_servers, topic_prefix=topic_prefix)
    with pytest.raises(Unavailable, match=r"python -m deploy\.provision"):
        await export(settings, [Marking.OPEN], io.StringIO(), io.StringIO())
