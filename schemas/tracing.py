"""W3C Trace Context: one trace for each feedback, one span for each stage that worked on it.

Span ids derive from what they are the span of, so that a repeated event has the bytes of the first
and a stage can write the span of an event that it made before.
"""

import re
from dataclasses import dataclass
from hashlib import sha1

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
)
_SAMPLED = "01"


@dataclass(frozen=True, slots=True)
class SpanRef:
    """A span as a `traceparent` names it: ids in lower-case hex, and whether it is to be kept."""

    trace_id: str
    span_id: str
    flags: str

    @property
    def sampled(self) -> bool:
        """Whether whoever began the trace wants its spans kept."""
        return bool(int(self.flags, 16) & 1)

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def read_traceparent(header: str | None) -> SpanRef | None:
    """The span that a `traceparent` names; `None` for what is not W3C Trace Context."""
    match = _TRACEPARENT.fullmatch(header) if header else None
    return SpanRef(*match.groups()) if match else None


def child(parent: str | None, feedback_id: str, cause: str, source: str) -> str:
    """The `traceparent` of the span in which `source` did what `cause` led to.

    It stays in the parent's trace; without a sound parent, the trace is that of the feedback.
    """
    above = read_traceparent(parent)
    span = _hash(16, above.span_id if above else "", feedback_id, cause, source)
    if above is None:
        return f"00-{_hash(32, feedback_id)}-{span}-{_SAMPLED}"
    return f"00-{above.trace_id}-{span}-{above.flags}"


def _hash(characters: int, *names: str) -> str:
    """Hex of a digest, never all zeros, which would name nothing."""
    digest = sha1("\n".join(names).encode(), usedforsecurity=False).hexdigest()[:characters]
    return digest if digest.strip("0") else "1".rjust(characters, "0")
