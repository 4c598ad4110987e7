"""A routing decision: what was chosen for one revision of a feedback, by which rules and model."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.routing import ChosenDepartment
from schemas.tagging import Abstention, AreaCandidate


@dataclass(frozen=True, slots=True)
class Decision:
    """Stored before it is acted on: a redelivery repeats it, whatever the rules say by then."""

    feedback_id: str
    revision: int
    departments: tuple[ChosenDepartment, ...]
    areas: tuple[AreaCandidate, ...]
    abstained: Abstention | None
    rule_version: str
    model_version: str
    decided_at: datetime

    @property
    def id(self) -> str:
        """`<feedback id>:<revision>`."""
        return f"{self.feedback_id}:{self.revision}"


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision without its reasons: the codes of the departments that it chose."""

    feedback_id: str
    departments: tuple[str, ...]
    decided_at: datetime


def to_document(decision: Decision) -> dict[str, Any]:
    """The decision as it is stored."""
    return {
        "_id": decision.id,
        "feedback_id": decision.feedback_id,
        "revision": decision.revision,
        "departments": [
            {
                "department": each.department,
                "role": each.role,
                "rule": each.rule,
                "because": each.because,
            }
            for each in decision.departments
        ],
        "areas": [{"area": each.area, "probability": each.probability} for each in decision.areas],
        "abstained": decision.abstained,
        "rule_version": decision.rule_version,
        "model_version": decision.model_version,
        "decided_at": decision.decided_at,
    }


def from_document(document: dict[str, Any]) -> Decision:
    """Reads a stored decision."""
    return Decision(
        feedback_id=document["feedback_id"],
        revision=document["revision"],
        departments=tuple(ChosenDepartment(**each) for each in document["departments"]),
        areas=tuple(AreaCandidate(**each) for each in document["areas"]),
        abstained=Abstention(document["abstained"]) if document["abstained"] else None,
        rule_version=document["rule_version"],
        model_version=document["model_version"],
        decided_at=document["decided_at"],
    )
