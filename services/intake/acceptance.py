"""Takes submissions in: checks, records, publishes; knows no HTTP but its problem documents."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from schemas.departments import Departments
from schemas.envelope import FeedbackReceived
from schemas.feedback import Organisation, Submission
from schemas.policy_areas import PolicyAreas
from schemas.tracing import child
from services.accounts.authentication import Credential
from services.intake.idempotency import feedback_id, fingerprint
from services.intake.publisher import Publisher
from services.intake.receipts import Outcome, Receipts, Verdict
from services.intake.submissions import Draft, find_faults
from services.receipts.receipt import Receipt
from services.runtime.body import pointer
from services.runtime.errors import Unavailable
from services.runtime.metrics import Metrics
from services.runtime.problem import Problem, unavailable

_CHECKS_BETWEEN_YIELDS = 50


@dataclass(frozen=True, slots=True)
class Candidate:
    """A submission as it was sent: its key if it has one, and its place in the request's body."""

    submission: Submission
    key: str | None = None
    location: tuple[str | int, ...] = ()


Result = Receipt | Problem


class Acceptance:
    """What a charity's submissions go through, one or many at a time."""

    def __init__(
        self,
        receipts: Receipts,
        publisher: Publisher,
        areas: PolicyAreas,
        departments: Departments,
        clock: Callable[[], datetime],
        draw_id: Callable[[], str],
        metrics: Metrics,
        watch: Callable[[Sequence[Draft], str | None], None] | None = None,
    ) -> None:
        """`watch` is told of what was new, and of its caller's traceparent; it returns at once."""
        self._watch = watch
        self._receipts = receipts
        self._publisher = publisher
        self._areas = areas
        self._departments = departments
        self._clock = clock
        self._draw_id = draw_id
        self._verdicts = {each: metrics.submissions.labels(each.value) for each in Verdict}

    async def accept(
        self,
        credential: Credential,
        candidates: Sequence[Candidate | Problem],
        traceparent: str | None,
    ) -> list[Result]:
        """For each candidate, in order, the receipt that stands or what is wrong with it.

        A candidate that is a problem already stays one. Receipts are durable by then; new ones are
        published, or wait in the outbox. Raises a 503 `Problem` when the database did not confirm.
        """
        results: list[Draft | Problem] = []
        for number, each in enumerate(candidates, start=1):
            if isinstance(each, Candidate):
                results.append(self._check(credential, each, traceparent))
            else:
                results.append(each)
            if number % _CHECKS_BETWEEN_YIELDS == 0:
                await asyncio.sleep(0)
        drafts = [each for each in results if isinstance(each, Draft)]
        outcomes = iter(await self._record(drafts, traceparent))
        return [_result(next(outcomes)) if isinstance(e, Draft) else e for e in results]

    def _check(
        self, credential: Credential, candidate: Candidate, traceparent: str | None
    ) -> Draft | Problem:
        submission, now = candidate.submission, self._clock()
        if faults := find_faults(submission, self._areas, self._departments, now):
            errors = [
                {"pointer": pointer(candidate.location + fault.location), "detail": fault.detail}
                for fault in faults
            ]
            detail = "Change what errors name and send it again."
            return Problem(422, "Body is not valid", detail, errors)
        key = candidate.key
        own_id = self._draw_id() if key is None else feedback_id(credential.subject, key)
        return Draft(
            id=own_id,
            organisation=_organisation(credential),
            submission=submission,
            fingerprint=fingerprint(submission),
            received_at=now,
            traceparent=child(traceparent, own_id, "submission", FeedbackReceived.SOURCE),
        )

    async def _record(self, drafts: Sequence[Draft], traceparent: str | None) -> Sequence[Outcome]:
        if not drafts:
            return []
        try:
            outcomes = await self._receipts.record(drafts)
        except Unavailable:
            raise unavailable(
                "The database did not answer in time, so the outcome is unknown. Send it again with"
                " the same Idempotency-Key: what was stored is not stored twice."
            ) from None
        for each in outcomes:
            self._verdicts[each.verdict].inc()
        new = [each.receipt for each in outcomes if each.verdict is Verdict.NEW]
        if new:
            await self._publisher.publish(new)
            if self._watch is not None:
                pairs = zip(drafts, outcomes, strict=True)
                self._watch([each for each, o in pairs if o.verdict is Verdict.NEW], traceparent)
        return outcomes


def _result(outcome: Outcome) -> Result:
    if outcome.verdict is Verdict.CONFLICT:
        return Problem(
            422,
            "Idempotency key reused",
            "This Idempotency-Key came before with another body. Use a new key for a new"
            " submission, or send the first body again to get the first answer.",
        )
    return outcome.receipt


@lru_cache(maxsize=10_000)
def _organisation(credential: Credential) -> Organisation:
    return Organisation(id=credential.subject, name=credential.name, org_id=credential.org_id)
