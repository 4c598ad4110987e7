"""Problem documents (RFC 9457): how every HTTP answer that is not what was hoped for looks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response


class FieldProblem(BaseModel):
    """A part of the request that is wrong: a JSON pointer into its body (RFC 6901, as fragment)."""

    pointer: str
    detail: str


class ProblemDocument(BaseModel):
    """What went wrong and what to do, as OpenAPI describes it."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


@dataclass
class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """An answer that is not what the client hoped for, as an RFC 9457 problem document.

    `errors` hold JSON pointers into the body: `{"pointer": "#/place/gss", "detail": "…"}`.
    """

    status: int
    title: str
    detail: str
    errors: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The problem document; its type is named after the title."""
        slug = "-".join(self.title.lower().replace("'", "").split())
        document: dict[str, Any] = {
            "type": f"urn:frontline:problem:{slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = list(self.errors)
        return document

    def response(self) -> Response:
        """The document as a response."""
        return Response(
            json.dumps(self.document(), ensure_ascii=False).encode("utf-8", "replace"),
            status_code=self.status,
            media_type="application/problem+json",
            headers=dict(self.headers),
        )


def unavailable(detail: str, retry_after: int = 2) -> Problem:
    """503 with `Retry-After` in seconds."""
    return Problem(503, "Service unavailable", detail, headers={"Retry-After": str(retry_after)})
