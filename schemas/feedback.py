"""What a charity says, and what intake adds to it: the feedback carried by every event."""

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from schemas.ids import FEEDBACK_ID

MAX_TEXT_CHARACTERS = 20_000

_GSS = re.compile(r"[EWSNKJLM]\d{8}")
_OUTWARD = r"[A-Z]{1,2}\d[A-Z\d]?"
_POSTCODE = re.compile(rf"({_OUTWARD})(?:\s*\d[A-Z]{{2}})?")


class Kind(StrEnum):
    """What the feedback is; decides nothing about its policy area."""

    OBSERVATION = "observation"
    PRACTICE = "practice"
    PROCUREMENT = "procurement"
    FUNDING = "funding"
    CONSULTATION_RESPONSE = "consultation_response"


class Marking(StrEnum):
    """Who may see the feedback; carried as the CloudEvents attribute `dataclassification`."""

    OPEN = "open"
    RESTRICTED = "restricted"
    SENSITIVE = "sensitive"


class Capacity(StrEnum):
    """In which of its roles the organisation speaks."""

    ADVISOR = "advisor"
    CRITIC = "critic"
    DELIVERER = "deliverer"
    OTHER = "other"


def _refuse_nul(value: str) -> str:
    if "\x00" in value:
        raise ValueError("remove the NUL character (U+0000)")
    return value


def _refuse_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("write at least one word")
    return value


Line = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_refuse_nul)]
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_TEXT_CHARACTERS),
    AfterValidator(_refuse_nul),
    AfterValidator(_refuse_blank),
]
LanguageTag = Annotated[
    str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)
]
GssCode = Annotated[str, StringConstraints(pattern=r"^[EWSNKJLM]\d{8}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]


class Contract(BaseModel):
    """A frozen part of an event. Unknown fields are ignored, so that newer producers stay readable;
    the HTTP API validates the same models with `extra="forbid"`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


class Place(Contract):
    """Where it was seen: an ONS GSS code, the outward part of a postcode, or both."""

    gss: GssCode | None = Field(default=None, examples=["E08000035"])
    postcode: Annotated[str, StringConstraints(pattern=rf"^{_OUTWARD}$")] | None = Field(
        default=None,
        examples=["LS6"],
        description="Sent whole or as its outward part; only the outward part is kept.",
    )

    @model_validator(mode="before")
    @classmethod
    def _cut_postcode(cls, value: Any) -> Any:
        """Keeps the outward part of a postcode only: the whole one can name a household."""
        if isinstance(value, dict) and isinstance(value.get("postcode"), str):
            match = _POSTCODE.fullmatch(value["postcode"].strip().upper())
            if match is None:
                raise ValueError("postcode is not a UK postcode such as LS6 3AB or LS6")
            return {**value, "postcode": match[1]}
        return value

    @model_validator(mode="after")
    def _name_somewhere(self) -> "Place":
        if self.gss is None and self.postcode is None:
            raise ValueError("give gss or postcode")
        return self


def _place_from_text(value: Any) -> Any:
    """Reads a bare GSS code or postcode as a place."""
    if not isinstance(value, str):
        return value
    return {"gss": value} if _GSS.fullmatch(value.strip()) else {"postcode": value}


_TIME: TypeAdapter[datetime | date] = TypeAdapter(AwareDatetime | date)


def _time_from_text(value: Any) -> Any:
    """Reads a date or a time: one complaint at one place, not one for each form it might have."""
    if value is None or isinstance(value, date):
        return value
    try:
        if isinstance(value, str):
            return _TIME.validate_python(value)
    except ValidationError:
        pass
    raise ValueError(
        "give a date such as 2026-03-02, or a time with its zone such as 2026-03-02T09:30:00Z"
    )


class Provenance(Contract):
    """How the views were gathered; shown next to the text everywhere."""

    method: Line | None = Field(default=None, examples=["drop-in sessions"])
    people: int | None = Field(default=None, ge=0, le=100_000_000, examples=[42])
    period_from: date | None = None
    period_to: date | None = None
    places: tuple[Line, ...] = Field(default=(), max_length=50)
    whose_views: Line | None = Field(default=None, examples=["tenants in temporary accommodation"])
    known_gaps: Line | None = Field(default=None, examples=["few people over 70 took part"])


class About(Contract):
    """What the feedback is about, as far as the organisation wants to say."""

    decision: Line | None = Field(default=None, description="The decision or policy, in words.")
    url: (
        Annotated[
            str,
            StringConstraints(pattern=r"^https?://\S+$", max_length=2_000),
            AfterValidator(_refuse_nul),
        ]
        | None
    ) = None
    areas: tuple[Slug, ...] = Field(default=(), max_length=10, description="Policy area slugs.")
    departments: tuple[Slug, ...] = Field(
        default=(), max_length=10, description="GOV.UK slugs of departments it is meant for."
    )
    consultation: Line | None = Field(default=None, description="Identifier of a consultation.")
    question: Line | None = Field(default=None, description="Identifier of its question.")


class Submission(Contract):
    """What an organisation submits. Only `kind` and `text` are required."""

    kind: Kind
    text: Text
    language: LanguageTag = "en"
    observed_at: Annotated[AwareDatetime | date | None, BeforeValidator(_time_from_text)] = None
    place: Annotated[Place | None, BeforeValidator(_place_from_text)] = None
    provenance: Provenance | None = None
    capacity: Capacity | None = None
    interests: tuple[Line, ...] = Field(default=(), max_length=20)
    marking: Marking = Marking.RESTRICTED
    about: About | None = None


class Organisation(Contract):
    """Who submitted; an account of an organisation, never of a person."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    name: Line
    org_id: Annotated[str, StringConstraints(pattern=r"^GB-(CHC|SC|NIC|COH)-[A-Z0-9]+$")] | None = (
        Field(default=None, examples=["GB-CHC-1234567"])
    )


FeedbackId = Annotated[
    str,
    StringConstraints(pattern=f"^{FEEDBACK_ID}$"),
]
Reference = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{8}$")]


class Feedback(Submission):
    """A submission that intake accepted: with its id, reference, organisation and time."""

    id: FeedbackId
    reference: Reference
    organisation: Organisation
    received_at: AwareDatetime
