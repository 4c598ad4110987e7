"""What a submission becomes: references, faults, receipts, and the event that is published."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter

from schemas.codec import decode
from schemas.departments import load_departments
from schemas.envelope import FeedbackReceived
from schemas.feedback import Organisation, Reference, Submission
from schemas.policy_areas import load_policy_areas
from services.intake.answers import BatchItem
from services.intake.idempotency import feedback_id, fingerprint
from services.intake.submissions import (
    REFERENCE_ALPHABET,
    REFERENCES,
    Draft,
    find_faults,
    write_reference,
)

NOW = datetime(2026, 7, 1, 22, 58, tzinfo=UTC)
FULL = {
    "kind": "practice",
    "text": "Grŵp cymorth Y Felin: 🙂 a shared form halved the wait.",
    "language": "cy",
    "observed_at": "2026-06-30T09:00:00+01:00",
    "place": "LS6 3AB",
    "provenance": {"method": "drop-in sessions", "people": 42, "places": ["Leeds"]},
    "capacity": "critic",
    "interests": ["funded by the council"],
    "marking": "open",
    "about": {"areas": ["housing"], "departments": ["cabinet-office"]},
}


def submission(**fields: Any) -> Submission:
    body = {"kind": "observation", "text": "Nine weeks for a visit."} | fields
    return Submission.model_validate(body)


def faults(**fields: Any) -> list[tuple[str | int, ...]]:
    found = find_faults(submission(**fields), load_policy_areas(), load_departments(), NOW)
    return [fault.location for fault in found]


def test_references_have_eight_characters_without_look_alikes() -> None:
    assert not set("01ILOU") & set(REFERENCE_ALPHABET)
    for number in (0, 1, REFERENCES - 1):
        TypeAdapter(Reference).validate_python(write_reference(number))
    assert len({write_reference(number) for number in range(0, REFERENCES, REFERENCES // 999)}) > 99


def test_the_receipt_carries_the_event_as_it_is_published() -> None:
    body = Submission.model_validate(FULL)
    organisation = Organisation(id="org-1", name="Advice Shed", org_id="GB-CHC-1234567")
    identity = feedback_id("org-1", "key-1")
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    receipt = Draft(identity, organisation, body, fingerprint(body), NOW, trace).receipt("ABCDEFGH")
    event = decode(receipt.event, FeedbackReceived)
    assert (event.subject, event.data.id, event.data.reference) == (identity, identity, "ABCDEFGH")
    assert event.dataclassification == event.data.marking == "open"
    assert event.traceparent == trace
    assert event.time == event.data.received_at == receipt.accepted_at == NOW
    assert event.data.place is not None
    assert event.data.place.postcode == "LS6"
    assert Submission.model_validate(event.data.model_dump()) == body
    assert event.data.organisation == organisation


def test_marking_is_restricted_unless_said() -> None:
    body = submission()
    draft = Draft(
        feedback_id("o", "k"), Organisation(id="o", name="O"), body, fingerprint(body), NOW
    )
    assert decode(draft.receipt("ABCDEFGH").event, FeedbackReceived).dataclassification == (
        "restricted"
    )


@pytest.mark.parametrize(
    ("observed_at", "accepted"),
    [
        ("2026-07-01T22:59:00Z", True),
        ("2026-07-01T23:02:59Z", True),  # a clock that is a little ahead
        ("2026-07-01T23:10:00Z", False),
        ("2026-07-02T00:59:00+02:00", True),
        ("2026-07-01", True),
        ("2026-07-02", True),  # it is past midnight in British Summer Time
        ("2026-07-03", False),
        ("9999-12-31", False),
        ("9999-12-31T23:59:59-12:00", False),
        ("1900-01-01", True),
        ("1899-12-31", False),
        ("0001-01-01T00:00:00+14:00", False),
    ],
)
def test_nothing_is_observed_in_the_future_or_in_another_age(
    observed_at: str, accepted: bool
) -> None:
    assert (faults(observed_at=observed_at) == []) is accepted


def test_words_that_no_vocabulary_has_are_pointed_at() -> None:
    about = {
        "areas": ["housing", "astrology"],
        "departments": ["ministry-of-magic", "cabinet-office"],
    }
    assert faults(about=about) == [("about", "areas", 1), ("about", "departments", 0)]


def test_the_fingerprint_is_of_the_content_not_of_its_spelling() -> None:
    once = Submission.model_validate_json(
        b'{"kind":"observation","text":"caf\\u00e9","marking":"restricted","place":"ls6 3ab"}'
    )
    again = Submission.model_validate_json(
        '{ "place": {"postcode": "LS6"}, "text": "café", "about": null, "kind":"observation" }'
    )
    other = Submission.model_validate_json('{"kind":"observation","text":"cafe","place":"LS6"}')
    assert fingerprint(once) == fingerprint(again)
    assert fingerprint(once) != fingerprint(other)
    assert len(fingerprint(once)) == 32


def test_an_item_of_a_batch_has_the_fingerprint_of_the_same_submission_alone() -> None:
    item = BatchItem.model_validate(FULL | {"idempotency_key": "k"})
    assert fingerprint(item) == fingerprint(Submission.model_validate(FULL))


def test_ids_derive_from_organisation_and_key() -> None:
    assert feedback_id("org-1", "k") == feedback_id("org-1", "k")
    pairs = [("org-1", "k"), ("org-1", "j"), ("org-2", "k"), ("o", "1:k"), ("o:1", "k")]
    ids = {feedback_id(*pair) for pair in pairs}
    assert len(ids) == len(pairs)
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-.{4}-.{12}", i) for i in ids)


def test_times_are_compared_across_zones() -> None:
    east = timezone(timedelta(hours=14))
    assert faults(observed_at=datetime(2026, 7, 2, 12, 0, tzinfo=east)) == []
    assert faults(observed_at=date(2026, 7, 1)) == []
