"""Exports what people corrected as rows to train on.

`python -m services.classifier.corrections > rows.jsonl` reads `feedback.corrected` to its end. The
topic holds text and so keeps 30 days, like the others: export at least monthly.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Collection
from datetime import datetime
from typing import Any, TextIO

from schemas.codec import UnreadableEvent, decode
from schemas.envelope import FeedbackCorrected
from schemas.feedback import Marking
from schemas.topics import CORRECTED
from services.classifier.settings import ClassifierSettings
from services.runtime.browse import Browser
from services.runtime.errors import Unavailable
from services.runtime.settings import read_settings

EXIT_UNAVAILABLE = 75  # EX_TEMPFAIL: try again


def training_row(event: FeedbackCorrected) -> dict[str, Any]:
    """A correction in the form of the texts that training reads, with who, when and of what.

    `corrected.by` is a team of a department; the versions are those whose tags it corrected.
    """
    data = event.data
    return {
        "id": f"corrected-{event.id}",
        "written_for": "training",
        "areas": list(data.areas),
        "departments": list(data.departments),
        "text": data.feedback.text,
        "corrected": {
            "by": f"{data.department}/{data.team}",
            "at": data.at.isoformat(),
            "was": [tag.area for tag in data.before.areas],
            "model_version": data.before.model_version,
            "vocabulary_version": data.before.vocabulary_version,
            "threshold_version": data.before.threshold_version,
        },
    }


async def export(
    settings: ClassifierSettings, markings: Collection[Marking], out: TextIO, complaints: TextIO
) -> int:
    """Writes the newest correction of each feedback; returns how many records were unreadable.

    Raises `Unavailable` when Kafka is. Texts of other markings are left out and counted.
    """
    newest: dict[str, FeedbackCorrected] = {}
    unreadable = left_out = 0
    async with Browser(settings) as browser:
        topic = settings.topic_prefix + CORRECTED.name
        starts, ends = await browser.beginnings(topic), await browser.ends(topic)
        async for record in browser.read(topic, starts, ends):
            try:
                event = decode(record.value, FeedbackCorrected)
            except UnreadableEvent as error:
                unreadable += 1
                complaints.write(f"partition {record.partition} offset {record.offset}: {error}\n")
                continue
            known = newest.get(event.subject)
            if known is None or _order(known) <= _order(event):
                newest[event.subject] = event
    for event in newest.values():
        if event.dataclassification in markings:
            out.write(json.dumps(training_row(event), ensure_ascii=False) + "\n")
        else:
            left_out += 1
    complaints.write(
        f"{len(newest) - left_out} rows, {left_out} left out for their marking, "
        f"{unreadable} records unreadable\n"
    )
    return unreadable


def _order(event: FeedbackCorrected) -> tuple[int, datetime]:
    """Which of two corrections is newer; of equal ones the later record is."""
    return event.revision, event.data.at


def main() -> int:
    """Exits 0, 1 when a record was unreadable, 75 when Kafka is away."""
    parser = argparse.ArgumentParser(
        prog="python -m services.classifier.corrections", description=__doc__
    )
    parser.add_argument(
        "--marking",
        action="append",
        type=Marking,
        choices=[Marking.OPEN, Marking.RESTRICTED],
        help="markings to export; open alone unless given; sensitive texts are never exported",
    )
    markings = parser.parse_args().marking or [Marking.OPEN]
    settings = read_settings(ClassifierSettings)
    try:
        unreadable = asyncio.run(export(settings, markings, sys.stdout, sys.stderr))
    except Unavailable as error:
        print(f"corrections: {error}", file=sys.stderr)
        return EXIT_UNAVAILABLE
    return 1 if unreadable else 0


if __name__ == "__main__":
    sys.exit(main())
