"""The operators' command line that stands still at one point of a redrive, to be killed there.

`python -m tests.standstill POINT FILE COMMAND...`: it writes FILE when it stands.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from services.console.cli.__main__ import main
from services.deadletters.dead_letter_store import MongoDeadLetterStore
from services.deadletters.hold import Hold

# which call, how often it passes before, and whether it stands before it or after
POINTS: dict[str, tuple[type, str, int, bool]] = {
    "claimed": (MongoDeadLetterStore, "claim", 1, False),
    "published": (MongoDeadLetterStore, "mark_redriven", 1, True),
    "between chunks": (Hold, "renew", 2, False),
}


def stand_still(point: str, reached: Path) -> None:
    """Replaces the one call."""
    owner, name, passes, before = POINTS[point]
    call = getattr(owner, name)
    left, say = passes, reached.touch

    async def stand() -> None:
        say()
        await asyncio.sleep(3_600)

    async def standing(*args: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0 and before:
            await stand()
        answer = await call(*args, **named)
        if left < 0:
            await stand()
        return answer

    setattr(owner, name, standing)


if __name__ == "__main__":
    stand_still(sys.argv[1], Path(sys.argv[2]))
    raise SystemExit(main(sys.argv[3:]))
