"""The sample observations: read from the checkout, sent to intake as any charity would."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

FILE = Path(__file__).parents[1] / "samples" / "observations.jsonl"
BATCH = 500
REPEAT_SECONDS = 1.0


class NotSent(RuntimeError):  # noqa: N818 - says what happened
    """Intake did not accept every sample; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A feedback as the API takes it, under the name that it has in the file."""

    name: str
    feedback: dict[str, Any]

    @property
    def idempotency_key(self) -> str:
        """The same on every start, so that a second one makes no second feedback; another one for
        another content.
        """
        content = json.dumps(self.feedback, sort_keys=True).encode()
        return f"sample-{self.name}-{hashlib.sha256(content).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A sample that intake took, with the id and reference that it gave."""

    name: str
    id: str
    reference: str


def read_samples(file: Path = FILE) -> tuple[Sample, ...]:
    """Reads JSON lines, each a feedback with an `id` beside it."""
    documents = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
    return tuple(Sample(str(document.pop("id")), document) for document in documents)


def send(samples: Sequence[Sample], intake: str, key: str, seconds: float) -> list[Accepted]:
    """Sends all, in batches, repeating a batch that got no answer; raises `NotSent`."""
    deadline = time.monotonic() + seconds
    accepted: list[Accepted] = []
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=intake, headers=headers, timeout=30, trust_env=False) as client:
        for start in range(0, len(samples), BATCH):
            batch = samples[start : start + BATCH]
            accepted += _accepted(batch, _post(client, batch, deadline))
    return accepted


def _post(client: httpx.Client, batch: Sequence[Sample], deadline: float) -> list[dict[str, Any]]:
    items = [{**one.feedback, "idempotency_key": one.idempotency_key} for one in batch]
    while True:
        try:
            answer = client.post("/v1/feedback/batch", json={"items": items})
            problem = f"{answer.status_code} {answer.text[:500]}"
            if answer.status_code == httpx.codes.ACCEPTED:
                results: list[dict[str, Any]] = answer.json()["results"]
                if not any(_may_be_repeated(result["status"]) for result in results):
                    return results
                problem = "some of the batch were not accepted yet"
            elif not _may_be_repeated(answer.status_code):
                raise NotSent(f"intake refused the samples: {problem}")
        except httpx.TransportError as error:
            problem = f"no answer ({error!r})"
        if time.monotonic() > deadline:
            raise NotSent(f"intake did not accept the samples in time: {problem}")
        time.sleep(REPEAT_SECONDS)


def _may_be_repeated(status: int) -> bool:
    return status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR


def _accepted(batch: Sequence[Sample], results: Sequence[dict[str, Any]]) -> list[Accepted]:
    refused = [
        f"{sample.name}: {json.dumps(result.get('problem', result))[:400]}"
        for sample, result in zip(batch, results, strict=True)
        if "id" not in result
    ]
    if refused:
        raise NotSent("intake refused samples:\n  " + "\n  ".join(refused))
    return [
        Accepted(sample.name, result["id"], result["reference"])
        for sample, result in zip(batch, results, strict=True)
    ]
