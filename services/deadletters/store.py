"""The contracts of what is kept of dead letters and their redrives, and what they answer with."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.deadletters.filter import Filter
from services.deadletters.letter import DeadLetter, Discard
from services.deadletters.redrive import JobState, Marks, Redrive


@dataclass(frozen=True, slots=True)
class Pile:
    """How many letters of one topic, group and error class there are, and the reason of one."""

    topic: str
    group: str
    error: str
    letters: int
    reason: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What one redrive did so far: published, never to be published, begun and not finished."""

    redriven: int
    failed: int
    open: int


class DeadLetterStore(Protocol):
    """Letters by their id. It knows those that were indexed: `DeadLetterIndex.catch_up` first.

    Every call raises `Unavailable` while the database is away, and is safe to repeat.
    """

    async def marks(self) -> dict[str, dict[int, int]]:
        """Up to where each `.dead` topic is indexed: the next offset by topic and partition."""

    async def set_marks(self, dead_topic: str, offsets: Mapping[int, int]) -> None:
        """Moves the marks of some partitions."""

    async def add(self, letters: Sequence[DeadLetter]) -> int:
        """Keeps new letters and new deaths of known ones; says how many were either."""

    async def find(self, letter_id: str) -> DeadLetter | None:
        """One letter."""

    async def page(self, only: Filter, most: int, after: str | None = None) -> list[DeadLetter]:
        """The letters that died last, up to `most`; `after` is the last id of the page before."""

    async def count(self, only: Filter) -> int:
        """How many there are."""

    async def piles(self, only: Filter) -> list[Pile]:
        """How many there are by topic, group and error class, the most first."""

    async def count_waiting(self, topics: Collection[str]) -> dict[str, int]:
        """How many wait, by origin topic (whole names); by index alone."""

    async def of_feedback(self, feedback_id: str) -> list[DeadLetter]:
        """All letters of one feedback in any state, the first death first."""

    async def find_states(self, feedback_ids: Collection[str]) -> dict[str, list[DeadLetter]]:
        """As `of_feedback` for many; without those that have none."""

    def every(self, only: Filter) -> AsyncIterator[DeadLetter]:
        """All of them, in no order, in bounded memory."""

    async def claim(self, redrive: str, only: Filter, most: int, now: datetime) -> list[DeadLetter]:
        """Takes up to `most` letters for this redrive alone, in the order of their `.dead` topic.

        Never one that the same redrive took before: what dies again needs another redrive.
        """

    async def claimed(self, redrive: str) -> list[DeadLetter]:
        """What this redrive took and neither published nor put back."""

    async def mark_redriven(self, letters: Sequence[DeadLetter], now: datetime) -> None:
        """After the broker confirmed them; no effect on one that has died again meanwhile."""

    async def mark_failed(self, letter: DeadLetter, why: str) -> None:
        """Puts a claimed letter back that can never be published."""

    async def put_back(self, letters: Sequence[DeadLetter]) -> None:
        """Makes claimed letters wait again, as if this redrive had not taken them."""

    async def tally(self, redrive: str) -> Tally:
        """What a redrive did, counted from the letters themselves."""

    async def discard(self, only: Filter, most: int | None, discard: Discard) -> int:
        """Ends waiting letters, the oldest death first; they stay to be looked at."""


class RedriveStore(Protocol):
    """Redrives by name. Only their holder changes them, by a lease on the server's clock.

    Every call raises `Unavailable` while the database is away. Where a holder is given, the answer
    is `None` or false when that is not the holder any more, and nothing changed.
    """

    async def create(self, redrive: Redrive, key: str) -> bool:
        """Keeps a new one; false when its name is taken. `key` is its given filter's likeness."""

    async def find(self, name: str) -> Redrive | None:
        """One redrive."""

    async def last(self, most: int) -> list[Redrive]:
        """The last ordered first."""

    async def is_like(self, name: str, key: str) -> bool:
        """Whether its filter was given in the words of this likeness."""

    async def unfinished(self, key: str, rate: float | None, most: int | None) -> Redrive | None:
        """The oldest that was ordered in just these words, and that is not ended."""

    async def hold(self, name: str, holder: str, seconds: float) -> Redrive | None:
        """Takes the lease where nobody has it; `None` when somebody has, or it is ended."""

    async def renew(
        self, name: str, holder: str, seconds: float, tally: Tally | None
    ) -> Redrive | None:
        """Keeps the lease, and how far it is; what it answers says whether to cancel."""

    async def release(self, name: str, holder: str) -> None:
        """Gives the lease back, so that it can be run again at once."""

    async def marks(self, name: str) -> Marks:
        """What `note_marks` kept last; empty when nothing can have been published."""

    async def note_marks(self, name: str, holder: str, marks: Marks) -> bool:
        """Keeps where the origin topics ended, before anything is published."""

    async def ask_to_cancel(self, name: str, by: str) -> Redrive | None:
        """Asks a running one to stop; `None` when there is no such one running."""

    async def end(
        self, name: str, holder: str, state: JobState, tally: Tally, now: datetime
    ) -> Redrive | None:
        """Ends it for good."""
