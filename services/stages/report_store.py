"""Where processes report: MongoDB's `stage_reports`, one document per process."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from pymongo.write_concern import WriteConcern

from services.runtime.mongo import Database, Document, database_errors
from services.stages.report import Consumed, Report, State

COLLECTION = "stage_reports"
_FORGOTTEN = timedelta(days=1)


async def ensure_indexes(database: Database) -> None:
    """A process that is gone is forgotten after a day."""
    with database_errors():
        await database[COLLECTION].create_index(
            "at", expireAfterSeconds=int(_FORGOTTEN.total_seconds())
        )


class MongoReports:
    """The newest report of each process; `_id` is service and instance."""

    def __init__(self, database: Database) -> None:
        # a lost report is followed by the next in a second: not worth waiting for the disk
        self._reports = database[COLLECTION].with_options(write_concern=WriteConcern(w=1))

    async def write(self, report: Report) -> None:
        """Takes the place of the process's earlier report, and is dated by the server's clock."""
        document = _document(report)
        dated = {"$mergeObjects": [{"$literal": document}, {"at": "$$NOW"}]}
        with database_errors():
            await self._reports.update_one(
                {"_id": document["_id"]}, [{"$replaceWith": dated}], upsert=True
            )

    async def read_all(self) -> list[Report]:
        """Every process that reported within a day, by service and instance."""
        with database_errors():
            rows = await self._reports.find().sort("_id", 1).to_list(None)
        return [_report(row) for row in rows]


def _document(report: Report) -> Document:
    document = asdict(report)
    # parts and reasons are pairs, because a name may hold a dot
    for name in ("reasons", "progress_ages"):
        document[name] = list(document[name].items())
    for each in document["consumed"]:
        each["counts"] = dict(each["counts"])
    return document | {"_id": f"{report.service}/{report.instance}"}


def _report(row: Mapping[str, Any]) -> Report:
    """A report, without what a process of a later version says besides."""
    fields = {name: row[name] for name in Report.__slots__ if name in row}
    fields["state"] = State(fields["state"])
    fields["held"] = tuple(fields["held"])
    fields["reasons"] = dict(fields["reasons"])
    fields["progress_ages"] = dict(fields["progress_ages"])
    fields["consumed"] = tuple(map(_consumed, fields["consumed"]))
    return Report(**fields)


def _consumed(row: Mapping[str, Any]) -> Consumed:
    return Consumed(**{name: row[name] for name in Consumed.__slots__ if name in row})
