"""MongoDB away: departments are told so within two seconds, and go on when it is back."""

import asyncio
from time import monotonic

import httpx

from tests.builders import feedback_id
from tests.infra import Handle
from tests.streaming import Reader
from tests.waiting import until
from tests.working import HOUSING, routed, running_departments

PATH = f"/v1/departments/{HOUSING}/queue"
LEASES = {"leases": [{"item_id": "x", "lease_token": "y"}]}


async def test_every_verb_answers_503_in_time_and_recovers_by_itself(
    kafka_servers: str,
    mongo_url: str,
    mongo_database: str,
    topic_prefix: str,
    mongo_server: Handle,
) -> None:
    async with running_departments(
        kafka_servers, mongo_url, mongo_database, topic_prefix
    ) as service:
        client = await service.client("MHCLG")
        await service.fill([1], "MHCLG")
        (item,) = (await client.post(f"{PATH}/receive", json={})).json()["items"]
        async with Reader(client) as reader:
            await asyncio.to_thread(mongo_server.stop)
            try:
                await _expect_away(client)
                await service.publish([routed(5)])
            finally:
                await asyncio.to_thread(mongo_server.start)

            async def back() -> bool:
                return (await client.get(PATH)).status_code == 200

            await until(back, "the service to recover")
            lease = {key: item[key] for key in ("item_id", "lease_token")}
            answer = await client.post(f"{PATH}/acknowledge", json={"leases": [lease]})
            assert answer.json()["results"][0]["result"] == "done"
            await until(lambda: feedback_id(5) in reader.subjects, "the event logged after")
            await until(lambda: service.process.health.readiness()[0], "readiness")


async def _expect_away(client: httpx.AsyncClient) -> None:
    async def ask(method: str, path: str, body: object = None) -> tuple[httpx.Response, float]:
        started = monotonic()
        answer = await client.request(method, path, json=body)
        return answer, monotonic() - started

    asked: list[tuple[str, str, object]] = [("POST", f"{PATH}/receive", {})]
    asked += [("POST", f"{PATH}/receive", {"wait_seconds": 20})]
    asked += [("POST", f"{PATH}/{verb}", LEASES) for verb in ("acknowledge", "extend", "release")]
    asked += [("POST", f"{PATH}/dead-letter", LEASES | {"reason": "x"}), ("GET", PATH, {})]
    for answer, seconds in await asyncio.gather(*[ask(*each) for each in asked]):
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert answer.headers["content-type"] == "application/problem+json"
        assert seconds < 2
