"""The operators' HTTP API without Kafka: what can be said is said, the rest is unavailable."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.console import give_key, open_database
from tests.pipeline import Service

NOWHERE = "127.0.0.1:9"


@asynccontextmanager
async def console(
    mongo_url: str, folder: Path, key: str, **settings: str
) -> AsyncIterator[httpx.AsyncClient]:
    environment = {
        "FRONTLINE_MONGO_URL": mongo_url,
        "FRONTLINE_KAFKA_SERVERS": NOWHERE,
        "FRONTLINE_KAFKA_PRODUCE_SECONDS": "1",
    }
    service = Service("console", environment, folder / "console.log")
    service.set(**settings)
    service.start()
    try:
        await service.ready()
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=30) as client:
            yield client
        assert service.stop() == 0
        assert not service.faults()
    finally:
        if service.runs():
            service.kill()


async def test_without_kafka_what_needs_it_is_unavailable_and_the_rest_is_answered(
    mongo_url: str, tmp_path: Path
) -> None:
    name = f"test_{uuid.uuid4().hex[:8]}"
    database = open_database(mongo_url, name)
    key = await give_key(database, "operator", "on-call")
    reason = {"reason": "a test"}
    async with console(mongo_url, tmp_path, key, mongo_database=name) as client:
        status = (await client.get("/v1/status")).json()
        assert status["kafka"]["problem"]
        assert status["mongo"]["problem"] is None
        assert (await client.post("/v1/stages/router/pause", json=reason)).status_code == 200
        assert (await client.get("/v1/audit")).json()[0]["action"] == "stage.pause"
        for path in ("/v1/dead-letters", "/v1/verification"):
            answer = await client.get(path)
            assert answer.status_code == 503, answer.text
            assert answer.headers["retry-after"]
            assert "Kafka" in answer.json()["detail"]
        order = {"ids": ["x"], **reason}
        assert (await client.post("/v1/redrives", json=order)).status_code == 503
    await database.client.drop_database(name)
    database.client.close()
