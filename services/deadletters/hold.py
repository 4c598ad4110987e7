"""Holds a redrive by a lease, so that one process at a time runs it; renewed in the background."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from time import monotonic

from services.deadletters.redrive import Marks, Redrive
from services.deadletters.store import RedriveStore, Tally
from services.runtime.errors import Unavailable

LEASE_SECONDS = 20.0
_RENEWALS = 4
_LOOK_SECONDS = 0.5


class HeldElsewhere(Exception):  # noqa: N818 - says what is the matter
    """Another process runs this redrive, or has ended it."""


class Hold:
    """A redrive in this process's hands."""

    def __init__(self, store: RedriveStore, redrive: Redrive, holder: str, seconds: float) -> None:
        self.redrive = redrive
        self._store = store
        self._holder = holder
        self._seconds = seconds
        self._good_until = monotonic() + seconds
        self.returnable = True

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Around a publishing. One that is interrupted leaves the lease to expire: what the
        producer had in hand may still arrive, and nobody may look for it before.
        """
        self.returnable = False
        yield
        self.returnable = True

    async def renew(self, tally: Tally | None = None) -> Redrive:
        """Keeps the lease, and says how the redrive stands; raises `HeldElsewhere` when lost."""
        asked = monotonic()
        renewed = await self._store.renew(self.redrive.name, self._holder, self._seconds, tally)
        self.redrive = self._mine(renewed)
        self._good_until = asked + self._seconds
        return self.redrive

    async def note(self, marks: Marks) -> None:
        """Keeps the marks, and makes sure that the lease outlasts what is published after them."""
        if not await self._store.note_marks(self.redrive.name, self._holder, marks):
            raise HeldElsewhere(self.redrive.name)
        if monotonic() > self._good_until - self._seconds / _RENEWALS:
            raise Unavailable("MongoDB: the lease of the redrive could not be renewed in time")

    def _mine(self, redrive: Redrive | None) -> Redrive:
        if redrive is None:
            raise HeldElsewhere(self.redrive.name)
        return redrive

    async def keep(self) -> None:
        """Renews until cancelled; a database that is away shows in `note`, a lost lease too."""
        while True:
            await asyncio.sleep(self._seconds / _RENEWALS)
            with suppress(Unavailable, HeldElsewhere):
                await self.renew()


@asynccontextmanager
async def held(
    store: RedriveStore, name: str, holder: str, seconds: float = LEASE_SECONDS
) -> AsyncIterator[Hold]:
    """Takes the lease, waiting once for that of a process that may have died, and gives it back,
    unless a publishing was interrupted.

    Raises `HeldElsewhere` when the other one is alive, or the redrive ended meanwhile.
    """
    deadline = monotonic() + seconds + 2 * _LOOK_SECONDS
    while (redrive := await store.hold(name, holder, seconds)) is None:
        if monotonic() > deadline:
            raise HeldElsewhere(name)
        await asyncio.sleep(_LOOK_SECONDS)
    hold = Hold(store, redrive, holder, seconds)
    keeping = asyncio.create_task(hold.keep())
    try:
        yield hold
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        if hold.returnable:
            with suppress(Unavailable):  # it expires by itself
                await store.release(name, holder)
