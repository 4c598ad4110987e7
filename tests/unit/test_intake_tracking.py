"""What an organisation sees of its feedback's way, in whatever order the news comes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.departments import load_departments
from schemas.envelope import FeedbackProgressed, FeedbackRouted
from schemas.feedback import Marking
from schemas.progress import ProgressedFeedback
from schemas.routing import ChosenDepartment, Role, RoutedFeedback
from services.intake.tracking import Tracking, find_status, write_history
from services.intake.tracking_store import Entry, MemoryTrackingStore
from tests.builders import feedback_id, reference

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def routed(number: int, *departments: str, **changes: Any) -> FeedbackRouted:
    chosen = [
        ChosenDepartment(department=each, role=Role.LEAD, rule="r", because="b")
        for each in departments
    ]
    data = RoutedFeedback(
        feedback_id=feedback_id(number),
        reference=reference(number),
        organisation_id="org-1",
        kind="observation",
        language="en",
        marking=Marking.RESTRICTED,
        received_at=NOW,
        areas=(),
        departments=tuple(chosen),
        rule_version="1",
        model_version="1",
    )
    fields: dict[str, Any] = {"time": NOW + timedelta(seconds=1)}
    return FeedbackRouted.of(
        data, feedback_id=feedback_id(number), marking=data.marking, **(fields | changes)
    )


def acknowledged(number: int, department: str, seconds: float) -> FeedbackProgressed:
    at = NOW + timedelta(seconds=seconds)
    data = ProgressedFeedback(
        feedback_id=feedback_id(number), department=department, step="acknowledged", at=at
    )
    return FeedbackProgressed.of(
        data,
        feedback_id=feedback_id(number),
        marking=Marking.RESTRICTED,
        time=at,
        step=f"acknowledged/{department}",
    )


async def history(store: MemoryTrackingStore) -> tuple[str, list[tuple[str, str | None]]]:
    written = write_history(NOW, await store.of(feedback_id(1)), load_departments())
    return find_status(written), [(each.what, each.department) for each in written]


async def test_the_history_grows_with_the_news() -> None:
    store = MemoryTrackingStore()
    tracking = Tracking(store)
    assert await history(store) == ("received", [("received", None)])
    await tracking.note_routed([routed(1, "DHSC", "CO"), routed(2, "HUB")])
    assert await history(store) == (
        "queued",
        [
            ("received", None),
            ("queued", "cabinet-office"),
            ("queued", "department-of-health-and-social-care"),
        ],
    )
    await tracking.note_progressed([acknowledged(1, "CO", 60)])
    status, lines = await history(store)
    assert status == "acknowledged"
    assert lines[-1] == ("acknowledged", "cabinet-office")


async def test_repeated_events_change_nothing_and_order_does_not_matter() -> None:
    store = MemoryTrackingStore()
    tracking = Tracking(store)
    for _ in range(2):
        await tracking.note_progressed([acknowledged(1, "CO", 60)] * 2)
        await tracking.note_routed([routed(1, "CO"), routed(1, "CO", time=NOW)])
    assert await history(store) == (
        "acknowledged",
        [("received", None), ("queued", "cabinet-office"), ("acknowledged", "cabinet-office")],
    )


async def test_the_hub_has_a_slug_too() -> None:
    store = MemoryTrackingStore()
    await Tracking(store).note_routed([routed(1, "HUB")])
    assert (await history(store))[1][-1] == ("queued", "partnerships-hub")


def test_what_this_version_does_not_know_is_shown_and_decides_nothing() -> None:
    entries = [Entry(feedback_id(1), "event", NOW, "published a reply", "ZZZZ")]
    written = write_history(NOW, entries, load_departments())
    assert find_status(written) == "received"
    assert (written[-1].what, written[-1].department) == ("published a reply", None)
