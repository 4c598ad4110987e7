"""D1: Motor against PyMongo's own asyncio client, for the writes that the router does."""

import asyncio
import uuid
from time import perf_counter
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.write_concern import WriteConcern

from services.runtime.mongo import Client, durable
from tests.benchmarks.compare import Row, compare

_BATCHES = 40
_DOCUMENTS = 500
_IN_FLIGHT = 4


async def _rate(collection: Any) -> float:
    """Documents a second, a few unordered inserts in flight."""
    left = iter(range(_BATCHES))

    async def writer() -> None:
        for batch in left:
            rows = [
                {"_id": f"{batch}:{n}", "text": "damp and mould " * 20} for n in range(_DOCUMENTS)
            ]
            await collection.insert_many(rows, ordered=False)

    started = perf_counter()
    await asyncio.gather(*[writer() for _ in range(_IN_FLIGHT)])
    return _BATCHES * _DOCUMENTS / (perf_counter() - started)


async def measure(mongo_url: str, client: Client) -> Row:
    """No goal: the figure belongs to deploy/decisions/0002."""
    other: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_url)
    name = f"bench_{uuid.uuid4().hex[:8]}"

    async def motor() -> float:
        collection = durable(client, name)[uuid.uuid4().hex]
        rate = await _rate(collection)
        await collection.drop()
        return rate

    async def pymongo() -> float:
        durable_writes = WriteConcern(w="majority", j=True)
        database = other.get_database(name, write_concern=durable_writes)
        collection = database[uuid.uuid4().hex]
        rate = await _rate(collection)
        await collection.drop()
        return rate

    try:
        what = "Motor, against PyMongo's asyncio client (inserts)"
        return await compare("D1", what, motor, pymongo, goal=0.0)
    finally:
        await client.drop_database(name)
        await other.close()
