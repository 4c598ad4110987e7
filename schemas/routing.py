"""Which departments got an item and why, without the item's text."""

from enum import StrEnum

from pydantic import AwareDatetime

from schemas.feedback import Contract, FeedbackId, Kind, LanguageTag, Marking, Place, Reference
from schemas.tagging import Abstention, AreaCandidate, DepartmentCode


class Role(StrEnum):
    """A department leads on an item or is copied into it."""

    LEAD = "lead"
    COPIED = "copied"


class ChosenDepartment(Contract):
    """A department that gets the item: its role, the rule that chose it and the reason in words."""

    department: DepartmentCode
    role: Role
    rule: str
    because: str


class RoutedFeedback(Contract):
    """The router's decision, as streams, tracking and tracing see it."""

    feedback_id: FeedbackId
    reference: Reference
    organisation_id: str
    kind: Kind
    language: LanguageTag
    marking: Marking
    place: Place | None = None
    received_at: AwareDatetime
    areas: tuple[AreaCandidate, ...]
    abstained: Abstention | None = None
    departments: tuple[ChosenDepartment, ...]
    rule_version: str
    model_version: str
