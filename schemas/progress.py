"""What a department did with an item, for the charity's tracking."""

from enum import StrEnum

from pydantic import AwareDatetime

from schemas.feedback import Contract, FeedbackId
from schemas.tagging import DepartmentCode


class Step(StrEnum):
    """A step that a department took."""

    ACKNOWLEDGED = "acknowledged"


class ProgressedFeedback(Contract):
    """One step of one department on one item."""

    feedback_id: FeedbackId
    department: DepartmentCode
    step: Step
    at: AwareDatetime
