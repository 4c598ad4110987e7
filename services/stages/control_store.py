"""Where the wanted state of stages and their fuses are kept: MongoDB's `stage_controls`."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from services.runtime.controls import Control, Mark
from services.runtime.mongo import Database, Document, database_errors

COLLECTION = "stage_controls"


class MongoControls:
    """`Controls` for processes, and what operators write; `_id` is the consumer group."""

    def __init__(self, database: Database) -> None:
        self._controls = database[COLLECTION]

    async def read(self, group: str) -> Control:
        """Reads one group's control by `_id`."""
        with database_errors():
            document = await self._controls.find_one({"_id": group})
        return _control(document or {"_id": group})

    async def read_all(self) -> dict[str, Control]:
        """Every control that was ever set, by group."""
        with database_errors():
            rows = await self._controls.find().to_list(None)
        return {row["_id"]: _control(row) for row in rows}

    async def pause(self, group: str, mark: Mark) -> None:
        """Wants the group to stop reading."""
        await self._set(group, {"$set": {"paused": asdict(mark)}})

    async def resume(self, group: str) -> bool:
        """Wants the group to read; false when it was not paused."""
        return await self._take_away(group, "paused")

    async def open_fuse(self, group: str, reason: str, by: str) -> None:
        """Opens the fuse; one that is open keeps its first reason."""
        mark = {"reason": {"$literal": reason}, "by": {"$literal": by}, "at": datetime.now(UTC)}
        await self._set(group, [{"$set": {"fuse": {"$ifNull": ["$fuse", mark]}}}])

    async def reset_fuse(self, group: str) -> bool:
        """Closes the fuse; false when it was not open."""
        return await self._take_away(group, "fuse")

    async def _set(self, group: str, change: Any) -> None:
        with database_errors():
            await self._controls.update_one({"_id": group}, change, upsert=True)

    async def _take_away(self, group: str, field: str) -> bool:
        with database_errors():
            found = await self._controls.update_one(
                {"_id": group, field: {"$ne": None}}, {"$unset": {field: ""}}
            )
        return bool(found.matched_count)


def _control(document: Document) -> Control:
    return Control(document["_id"], _mark(document.get("paused")), _mark(document.get("fuse")))


def _mark(fields: Document | None) -> Mark | None:
    return Mark(fields["reason"], fields["by"], fields["at"]) if fields else None
