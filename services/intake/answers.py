"""What the API sends and takes beside the contracts: the shapes of bodies, for code and OpenAPI."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from schemas.feedback import FeedbackId, Reference, Submission
from services.intake.idempotency import KEY_PATTERN, MAX_KEY_CHARACTERS
from services.intake.settings import MAX_BATCH_ITEMS
from services.intake.tracking import Status
from services.runtime.problem import ProblemDocument


class BatchItem(Submission):
    """A submission with a key of its own."""

    idempotency_key: (
        Annotated[str, Field(min_length=1, max_length=MAX_KEY_CHARACTERS, pattern=KEY_PATTERN)]
        | None
    ) = Field(default=None, description="Names the submission as the header Idempotency-Key does.")


class Batch(BaseModel):
    """Several submissions in one request; each stands for itself."""

    items: list[BatchItem] = Field(min_length=1, max_length=MAX_BATCH_ITEMS)


class LooseBatch(BaseModel):
    """A batch whose items are read one by one, so that a wrong one harms no other."""

    items: list[Any] = Field(min_length=1, max_length=MAX_BATCH_ITEMS)


class AcceptedFeedback(BaseModel):
    """An accepted submission. `reference` is for people, to quote and to read aloud."""

    id: FeedbackId
    reference: Reference
    status_url: str


class AcceptedItem(AcceptedFeedback):
    """An accepted item of a batch."""

    index: int
    status: int


class RefusedItem(BaseModel):
    """An item of a batch that was not accepted; `status` is what it would have got alone."""

    index: int
    status: int
    problem: ProblemDocument


class BatchAnswer(BaseModel):
    """What became of each item, in the order they were sent."""

    results: list[AcceptedItem | RefusedItem]


class HistoryEntry(BaseModel):
    """Something that happened: received, queued or acknowledged; by which department, if any."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    what: str
    department: str | None = Field(description="GOV.UK slug")


class TrackedFeedback(BaseModel):
    """A feedback's way so far. `status` is that of the department that is furthest with it."""

    id: FeedbackId
    reference: Reference
    status: Status
    history: list[HistoryEntry]
