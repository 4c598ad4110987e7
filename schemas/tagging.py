"""What the classifier says of a text: policy areas with reasons, or an abstention."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.feedback import Contract, Feedback, LanguageTag, Slug

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
DepartmentCode = Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")]


class Abstention(StrEnum):
    """Why no area was given."""

    TOO_SHORT = "too_short"
    NO_AREA = "no_area"
    LANGUAGE = "language_not_supported"
    OUT_OF_SCOPE = "out_of_scope"


class Reader(StrEnum):
    """Who read the text: the fast reader alone, or the careful one as well."""

    FAST = "fast"
    CAREFUL = "careful"


class Passage(Contract):
    """A part of the text: from `start` up to, not including, `end`, in characters."""

    start: int = Field(ge=0)
    end: int = Field(ge=0)


class AreaTag(Contract):
    """One policy area that the text is about, and the words that spoke for it.

    `passage` is where they stand, in a text long enough to be read by passages.
    """

    area: Slug
    probability: Probability
    reasons: tuple[str, ...] = ()
    passage: Passage | None = None


class AreaCandidate(Contract):
    """An area with its probability, whatever the threshold."""

    area: Slug
    probability: Probability


class DepartmentCandidate(Contract):
    """A department's permanent code with the classifier's probability for it."""

    department: DepartmentCode
    probability: Probability


class Tagging(Contract):
    """Areas above their thresholds, most probable first; empty with `abstained` set, never both.

    `scores` are the log-odds of every area of the vocabulary, in its order, and last those of
    being out of scope: other thresholds can be applied to them without reading the text again.
    `unread_language` is the language for which a text was not read, `und` if it is not known.
    """

    areas: tuple[AreaTag, ...] = ()
    abstained: Abstention | None = None
    candidates: tuple[AreaCandidate, ...] = Field(default=(), max_length=10)
    department_candidates: tuple[DepartmentCandidate, ...] = Field(default=(), max_length=5)
    scores: tuple[float, ...] | None = None
    unread_language: LanguageTag | None = None
    reader: Reader | None = None
    model_version: str
    vocabulary_version: str
    threshold_version: str | None = None


class TaggedFeedback(Contract):
    """Feedback with its tags: no consumer needs to look anything up."""

    feedback: Feedback
    tagging: Tagging
