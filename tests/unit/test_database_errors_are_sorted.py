"""A refusal of the database is an outage, unless the document itself is at fault."""

from typing import Any

import pytest
from bson.errors import InvalidDocument
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DocumentTooLarge,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from services.runtime.errors import Permanent, Unavailable
from services.runtime.mongo import Collection, database_errors, insert_absent

WORDS = "a person's words"


@pytest.mark.parametrize("code", [13, 18, 112, 133, 189, 202, 8000, 10107, 14031, 99999])
def test_any_refusal_that_names_no_fault_of_the_document_is_an_outage(code: int) -> None:
    with pytest.raises(Unavailable) as raised, database_errors():
        raise OperationFailure(WORDS, code)
    assert WORDS not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "error", [AutoReconnect(WORDS), ServerSelectionTimeoutError(WORDS), PyMongoError(WORDS)]
)
def test_connections_elections_and_time_outs_are_outages(error: Exception) -> None:
    with pytest.raises(Unavailable), database_errors():
        raise error


@pytest.mark.parametrize(
    "error", [OperationFailure(WORDS, 121), DocumentTooLarge(WORDS), InvalidDocument(WORDS)]
)
def test_a_document_that_mongodb_never_takes_is_permanent(error: Exception) -> None:
    with pytest.raises(Permanent), database_errors():
        raise error


class Refusing:
    """A collection whose inserts fail with these write errors."""

    def __init__(self, *errors: dict[str, Any]) -> None:
        self._errors = list(errors)

    async def insert_many(self, documents: object, ordered: bool) -> None:
        raise BulkWriteError({"writeErrors": self._errors, "writeConcernErrors": []})


@pytest.mark.parametrize(("code", "kind"), [(14031, Unavailable), (121, Permanent)])
async def test_a_bulk_write_is_judged_by_its_errors_without_quoting_documents(
    code: int, kind: type[Exception]
) -> None:
    error = {"index": 0, "code": code, "errmsg": WORDS, "op": {"text": WORDS}}
    collection: Collection = Refusing(error)  # type: ignore[assignment]
    with pytest.raises(kind) as raised:
        await insert_absent(collection, [{"_id": 1, "text": WORDS}])
    assert WORDS not in str(raised.value)
    assert raised.value.__suppress_context__
