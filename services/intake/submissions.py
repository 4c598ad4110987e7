"""Decides what a submission becomes: a draft and its receipt, or faults to mend."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from schemas.codec import encode
from schemas.departments import Departments
from schemas.envelope import FeedbackReceived
from schemas.feedback import Feedback, Organisation, Submission
from schemas.policy_areas import PolicyAreas
from services.receipts.receipt import Receipt

# no 0 and O, 1, I and L, and no U: what is read aloud or copied by hand has one reading, and few
# words come about by chance
REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
REFERENCE_CHARACTERS = 8
REFERENCES = len(REFERENCE_ALPHABET) ** REFERENCE_CHARACTERS

_CLOCK_SKEW = timedelta(minutes=5)
_BRITISH_SUMMER_TIME = timedelta(hours=1)
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that a client has to change: where in the submission, and what."""

    location: tuple[str | int, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A sound submission with all but its reference, which is drawn until it is free."""

    id: str
    organisation: Organisation
    submission: Submission
    fingerprint: bytes
    received_at: datetime
    traceparent: str | None = None

    def receipt(self, reference: str) -> Receipt:
        """The receipt under this reference, with the event to publish in it."""
        fields = self.submission.__dict__
        feedback = Feedback(
            **{name: fields[name] for name in Submission.model_fields},
            id=self.id,
            reference=reference,
            organisation=self.organisation,
            received_at=self.received_at,
        )
        event = FeedbackReceived.of(
            feedback,
            feedback_id=self.id,
            marking=feedback.marking,
            time=self.received_at,
            traceparent=self.traceparent,
        )
        return Receipt(
            self.id,
            reference,
            self.organisation.id,
            self.fingerprint,
            encode(event),
            self.received_at,
        )


def find_faults(
    submission: Submission, areas: PolicyAreas, departments: Departments, now: datetime
) -> list[Fault]:
    """What the contract alone cannot see: times to come, and words that no vocabulary has."""
    faults = []
    if submission.observed_at is not None and (detail := _wrong_time(submission.observed_at, now)):
        faults.append(Fault(("observed_at",), detail))
    if submission.about is not None:
        faults += [
            Fault(("about", "areas", index), "no policy area has this slug")
            for index, slug in enumerate(submission.about.areas)
            if slug not in areas
        ]
        faults += [
            Fault(("about", "departments", index), "no department has this GOV.UK slug")
            for index, slug in enumerate(submission.about.departments)
            if not departments.has_slug(slug)
        ]
    return faults


def _wrong_time(observed_at: datetime | date, now: datetime) -> str | None:
    """Why it cannot have been seen then. A date may be today's anywhere in the United Kingdom."""
    if isinstance(observed_at, datetime):
        late, early = observed_at > now + _CLOCK_SKEW, observed_at < _EARLIEST
    else:
        latest = (now + _CLOCK_SKEW + _BRITISH_SUMMER_TIME).date()
        late, early = observed_at > latest, observed_at < _EARLIEST.date()
    if late:
        return "is in the future: say when it was observed, or leave it out"
    return (
        f"is before {_EARLIEST.year}: say when it was observed, or leave it out" if early else None
    )


def write_reference(number: int) -> str:
    """The reference of a number drawn from 0 up to `REFERENCES`."""
    characters = []
    for _ in range(REFERENCE_CHARACTERS):
        number, digit = divmod(number, len(REFERENCE_ALPHABET))
        characters.append(REFERENCE_ALPHABET[digit])
    return "".join(characters)
