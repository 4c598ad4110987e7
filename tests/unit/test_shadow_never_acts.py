"""A candidate model reads behind the consumer: counted, never acted on, never in the way."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from schemas.feedback import Feedback
from schemas.tagging import DepartmentCandidate, Tagging
from services.classifier.app import load_candidate
from services.classifier.settings import ClassifierSettings
from services.classifier.shadow import Shadow
from services.runtime.metrics import Metrics
from tests.builders import feedback, tagging
from tests.waiting import until


def count(found: Metrics, name: str, label: str) -> float:
    metric = getattr(found, name)
    return float(metric.labels(label)._value.get())


async def test_disagreements_are_counted_by_what_differs() -> None:
    found = Metrics()
    other = tagging(
        "tax", department_candidates=(DepartmentCandidate(department="HMT", probability=1),)
    )

    def candidate(_: Sequence[Feedback]) -> Sequence[Tagging]:
        return [other]

    async with Shadow(candidate, 10, found) as shadow:
        shadow.offer([feedback(1), feedback(2)], [tagging("housing"), other])
        await until(lambda: count(found, "shadow_readings", "read") == 2, "two readings")
    assert count(found, "shadow_disagreements", "areas") == 1
    assert count(found, "shadow_disagreements", "first_department") == 1
    assert count(found, "shadow_disagreements", "abstained") == 0


async def test_a_slow_candidate_holds_nobody_up_and_leaves_texts_out() -> None:
    found = Metrics()

    def slow(_: Sequence[Feedback]) -> Sequence[Tagging]:
        time.sleep(0.2)
        return [tagging("tax")]

    async with Shadow(slow, 5, found) as shadow:
        started = time.perf_counter()
        for number in range(50):
            shadow.offer([feedback(number + 1)], [tagging("tax")])
        assert time.perf_counter() - started < 0.2
        assert count(found, "shadow_readings", "left_out") == 45
        await asyncio.sleep(0)


async def test_a_failing_candidate_is_counted_and_goes_on() -> None:
    found = Metrics()
    asked: list[str] = []

    def failing(feedbacks: Sequence[Feedback]) -> Sequence[Tagging]:
        asked.append(feedbacks[0].id)
        if len(asked) == 1:
            raise RuntimeError("spoilt")
        return [tagging("tax")]

    async with Shadow(failing, 10, found) as shadow:
        shadow.offer([feedback(1), feedback(2)], [tagging("tax")] * 2)
        await until(lambda: count(found, "shadow_readings", "read") == 1, "a reading")
    assert count(found, "shadow_readings", "failed") == 1


def test_a_candidate_that_cannot_be_read_leaves_the_model_in_use_alone(tmp_path: Path) -> None:
    settings = ClassifierSettings(shadow_model_path=str(tmp_path / "nowhere"))
    found = Metrics()
    assert load_candidate(settings, found) is None
    assert count(found, "shadow_readings", "failed") == 1
    assert load_candidate(ClassifierSettings(), found) is None
