"""What a person changed about a text's tags: kept as truth to train on."""

from pydantic import AwareDatetime

from schemas.feedback import Contract, Feedback, Slug
from schemas.tagging import DepartmentCode, Tagging


class CorrectedFeedback(Contract):
    """A feedback with the areas and departments that a team says are right.

    `areas` has the main one first and is empty where the text is no matter of government's.
    `before` is what the classifier had said. `team` is a team of `department`, never a person.
    """

    feedback: Feedback
    before: Tagging
    areas: tuple[Slug, ...]
    departments: tuple[DepartmentCode, ...] = ()
    department: DepartmentCode
    team: Slug
    at: AwareDatetime
