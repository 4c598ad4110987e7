"""The API's three operations: submit one, submit many, see what became of one."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from schemas.departments import Departments
from schemas.feedback import Submission
from services.accounts.authentication import Authenticator, Credential
from services.intake.acceptance import Acceptance, Candidate, Result
from services.intake.answers import BatchItem, HistoryEntry, LooseBatch, TrackedFeedback
from services.intake.idempotency import MalformedKey, read_idempotency_key
from services.intake.limits import Gate, Rates
from services.intake.settings import IntakeSettings
from services.intake.tracking import find_status, write_history
from services.intake.tracking_store import TrackingStore
from services.receipts.receipt import Receipt
from services.receipts.receipt_store import ReceiptStore
from services.runtime.body import parse_body, read_body
from services.runtime.problem import Problem

FEEDBACK_PATH = "/v1/feedback"

_PARSED_BETWEEN_YIELDS = 50


class SubmissionRoutes:
    """`POST /v1/feedback` and `POST /v1/feedback/batch`."""

    def __init__(
        self,
        authenticator: Authenticator,
        acceptance: Acceptance,
        settings: IntakeSettings,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._authenticator = authenticator
        self._acceptance = acceptance
        self._most_bytes = settings.max_body_bytes
        self._most_batch_bytes = settings.max_batch_bytes
        self._body_seconds = settings.body_seconds
        self._prefix = settings.public_url + FEEDBACK_PATH
        self._rates = Rates(settings.rate_items_per_second, settings.rate_burst_items, clock)
        self._requests = Gate(settings.in_flight_requests, "submissions")
        self._batches = Gate(settings.in_flight_batches, "batches")

    async def submit_feedback(self, request: Request) -> Response:
        """One submission. The body is read before a place is held: a slow client holds none."""
        credential = await self._admit(request)
        key = _idempotency_key(request)
        body = await read_body(request, self._most_bytes, self._body_seconds)
        candidate = Candidate(parse_body(body, Submission), key)
        with self._requests.pass_through(credential.key_id):
            [result] = await self._acceptance.accept(credential, [candidate], _traceparent(request))
        if isinstance(result, Problem):
            raise result
        location = f"{self._prefix}/{result.id}"
        return Response(
            f'{{"id":"{result.id}","reference":"{result.reference}","status_url":"{location}"}}',
            status_code=202,
            media_type="application/json",
            headers={"location": location},
        )

    async def submit_batch(self, request: Request) -> Response:
        """Several submissions. Few batches are read at once, because they are large."""
        credential = await self._admit(request)
        if "idempotency-key" in request.headers:
            raise Problem(
                400,
                "Idempotency key misplaced",
                "A batch has no Idempotency-Key of its own: give each item its idempotency_key.",
            )
        with self._batches.pass_through(credential.key_id):
            body = await read_body(request, self._most_batch_bytes, self._body_seconds)
            items = parse_body(body, LooseBatch).items
            self._rates.spend(credential.key_id, len(items) - 1)  # one was spent to get here
            candidates = await _candidates(items)
            results = await self._acceptance.accept(credential, candidates, _traceparent(request))
        answers = [self._answer(index, each) for index, each in enumerate(results)]
        return Response(to_json({"results": answers}), 202, media_type="application/json")

    async def _admit(self, request: Request) -> Credential:
        """Who submits; everything that needs no body is refused here."""
        credential = await self._authenticator.authenticate(request.headers.get("authorization"))
        if credential.role != "charity":
            raise Problem(
                403,
                "Not a charity's key",
                f"This is a key of the role {credential.role}: submit with a charity's key.",
            )
        content_type = request.headers.get("content-type", "application/json")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise Problem(
                415, "Content type not supported", "Send JSON with Content-Type: application/json."
            )
        self._rates.spend(credential.key_id)
        return credential

    def _answer(self, index: int, result: Result) -> dict[str, object]:
        if isinstance(result, Problem):
            return {"index": index, "status": result.status, "problem": result.document()}
        return {
            "index": index,
            "status": 202,
            "id": result.id,
            "reference": result.reference,
            "status_url": f"{self._prefix}/{result.id}",
        }


class TrackingRoutes:
    """`GET /v1/feedback/{id}`."""

    def __init__(
        self,
        authenticator: Authenticator,
        receipts: ReceiptStore,
        tracking: TrackingStore,
        departments: Departments,
    ) -> None:
        self._authenticator = authenticator
        self._receipts = receipts
        self._tracking = tracking
        self._departments = departments

    async def read_feedback(self, request: Request) -> Response:
        """What became of a feedback; another organisation's is not there."""
        credential = await self._authenticator.authenticate(request.headers.get("authorization"))
        feedback_id = str(request.path_params["feedback_id"])
        receipt = (await self._receipts.find([feedback_id])).get(feedback_id)
        if receipt is None or not _may_read(credential, receipt):
            raise Problem(
                404,
                "Feedback not found",
                "Your organisation has no feedback with this id.",
            )
        entries = await self._tracking.of(feedback_id)
        history = write_history(receipt.accepted_at, entries, self._departments)
        tracked = TrackedFeedback(
            id=receipt.id,
            reference=receipt.reference,
            status=find_status(history),
            history=[HistoryEntry.model_validate(each) for each in history],
        )
        return JSONResponse(tracked.model_dump(mode="json"), headers={"cache-control": "no-store"})


def _may_read(credential: Credential, receipt: Receipt) -> bool:
    if credential.role == "operator":
        return True
    return credential.role == "charity" and credential.subject == receipt.organisation


def _idempotency_key(request: Request) -> str | None:
    header = request.headers.get("idempotency-key")
    if header is None:
        return None
    try:
        return read_idempotency_key(header)
    except MalformedKey as error:
        raise Problem(400, "Idempotency key malformed", str(error)) from None


def _traceparent(request: Request) -> str | None:
    return request.headers.get("traceparent")


async def _candidates(items: Sequence[object]) -> list[Candidate | Problem]:
    candidates: list[Candidate | Problem] = []
    for index, item in enumerate(items):
        candidates.append(_candidate(index, item))
        if index % _PARSED_BETWEEN_YIELDS == 0:
            await asyncio.sleep(0)
    return candidates


def _candidate(index: int, item: object) -> Candidate | Problem:
    """Reads an item by the very rules of a single submission: as JSON."""
    location = ("items", index)
    try:
        submission = parse_body(to_json(item), BatchItem)
    except Problem as problem:
        errors = [
            {**each, "pointer": f"#/items/{index}{each['pointer'][1:]}"} for each in problem.errors
        ]
        return replace(problem, errors=errors)
    return Candidate(submission, submission.idempotency_key, location)
