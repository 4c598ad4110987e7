"""The API's answers, on stores in memory: what is accepted, refused, and who may see it."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.codec import decode
from schemas.envelope import FeedbackReceived
from services.runtime.errors import Unavailable
from tests.submitting import OBSERVATION, issue, memory_intake


async def test_an_observation_is_accepted_with_id_reference_and_location() -> None:
    async with memory_intake() as intake:
        answer = await intake.client.post("/v1/feedback", json=OBSERVATION)
        assert answer.status_code == 202
        body = answer.json()
        assert set(body) == {"id", "reference", "status_url"}
        assert re.fullmatch(r"[2-9A-HJKMNP-TV-Z]{8}", body["reference"])
        assert answer.headers["location"] == body["status_url"] == f"/v1/feedback/{body['id']}"
        [record] = intake.published
        event = decode(record.value, FeedbackReceived)
        assert record.topic == "feedback.received"
        assert record.key == body["id"].encode()
        assert (event.subject, event.data.reference) == (body["id"], body["reference"])
        assert event.data.organisation.name == "Advice Shed"


async def test_without_a_key_each_submission_is_a_new_one() -> None:
    async with memory_intake() as intake:
        ids = {
            (await intake.client.post("/v1/feedback", json=OBSERVATION)).json()["id"]
            for _ in range(3)
        }
        assert len(ids) == 3


async def test_the_bare_and_the_quoted_key_name_one_submission() -> None:
    async with memory_intake() as intake:
        answers = [
            await intake.client.post(
                "/v1/feedback", json=OBSERVATION, headers={"idempotency-key": key}
            )
            for key in ("k-1", '"k-1"')
        ]
        assert [each.status_code for each in answers] == [202, 202]
        assert answers[0].json() == answers[1].json()
        assert len(intake.published) == 1


async def test_two_organisations_may_use_the_same_key() -> None:
    async with memory_intake() as intake:
        other = await issue(intake.keys, subject="org-2", name="Food Shed")
        headers = {"idempotency-key": "k"}
        one = await intake.client.post("/v1/feedback", json=OBSERVATION, headers=headers)
        headers["authorization"] = f"Bearer {other}"
        two = await intake.client.post("/v1/feedback", json=OBSERVATION, headers=headers)
        assert one.json()["id"] != two.json()["id"]


async def test_a_batch_answers_each_item_in_order() -> None:
    items: list[Any] = [
        OBSERVATION | {"idempotency_key": "a"},
        {"kind": "gossip", "text": "x"},
        OBSERVATION,
        OBSERVATION | {"idempotency_key": "a"},
        OBSERVATION | {"idempotency_key": "a", "text": "Other words."},
        "not an object",
        OBSERVATION | {"about": {"areas": ["astrology"]}},
        OBSERVATION | {"idempotency_key": ""},
    ]
    async with memory_intake() as intake:
        answer = await intake.client.post("/v1/feedback/batch", json={"items": items})
        assert answer.status_code == 202
        results = answer.json()["results"]
        assert [each["index"] for each in results] == list(range(len(items)))
        assert [each["status"] for each in results] == [202, 422, 202, 202, 422, 422, 422, 422]
        assert results[0]["id"] == results[3]["id"]
        assert results[0]["reference"] == results[3]["reference"]
        assert results[1]["problem"]["errors"][0]["pointer"] == "#/items/1/kind"
        assert results[4]["problem"]["title"] == "Idempotency key reused"
        assert results[6]["problem"]["errors"][0]["pointer"] == "#/items/6/about/areas/0"
        assert len(intake.published) == 2


async def test_a_single_repeat_finds_the_item_of_a_batch() -> None:
    async with memory_intake() as intake:
        items = [OBSERVATION | {"idempotency_key": "a"}]
        batch = await intake.client.post("/v1/feedback/batch", json={"items": items})
        single = await intake.client.post(
            "/v1/feedback", json=OBSERVATION, headers={"idempotency-key": "a"}
        )
        assert single.json()["id"] == batch.json()["results"][0]["id"]


async def test_only_the_organisation_and_operators_see_what_became_of_it() -> None:
    async with memory_intake() as intake:
        made = (await intake.client.post("/v1/feedback", json=OBSERVATION)).json()
        seen = await intake.client.get(made["status_url"])
        assert seen.status_code == 200
        assert seen.json() | {"history": []} == {
            "id": made["id"],
            "reference": made["reference"],
            "status": "received",
            "history": [],
        }
        [line] = seen.json()["history"]
        assert (line["what"], line["department"]) == ("received", None)
        assert datetime.fromisoformat(line["at"]).tzinfo == UTC

        async def status(key: str) -> int:
            headers = {"authorization": f"Bearer {key}"}
            return (await intake.client.get(made["status_url"], headers=headers)).status_code

        assert await status(await issue(intake.keys, "operator", "hub")) == 200
        assert await status(await issue(intake.keys, subject="org-2", name="Food Shed")) == 404
        assert await status(await issue(intake.keys, "department", "DHSC")) == 404
        assert (await intake.client.get("/v1/feedback/nonsense")).status_code == 404


async def test_departments_and_operators_do_not_submit() -> None:
    async with memory_intake() as intake:
        for role, subject in (("department", "DHSC"), ("operator", "hub")):
            key = await issue(intake.keys, role, subject)  # type: ignore[arg-type]
            answer = await intake.client.post(
                "/v1/feedback", json=OBSERVATION, headers={"authorization": f"Bearer {key}"}
            )
            assert answer.status_code == 403
            assert role in answer.json()["detail"]


async def test_the_rate_is_per_item_and_says_when_to_come_back() -> None:
    async with memory_intake(rate_items_per_second=1.0, rate_burst_items=500) as intake:
        batch = {"items": [OBSERVATION] * 400}
        assert (await intake.client.post("/v1/feedback/batch", json=batch)).status_code == 202
        refused = await intake.client.post("/v1/feedback/batch", json=batch)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 250
        assert len(intake.published) == 400


async def test_an_outage_says_that_the_outcome_is_unknown() -> None:
    async with memory_intake() as intake:
        assert (await intake.client.post("/v1/feedback", json=OBSERVATION)).status_code == 202
        intake.receipts.error = Unavailable("MongoDB: gone")
        answer = await intake.client.post("/v1/feedback", json=OBSERVATION)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert "outcome is unknown" in answer.json()["detail"]
        assert "same Idempotency-Key" in answer.json()["detail"]
        intake.receipts.error = None


async def test_a_status_url_may_be_put_on_a_public_address() -> None:
    async with memory_intake(public_url="https://frontline.example") as intake:
        answer = await intake.client.post("/v1/feedback", json=OBSERVATION)
        url = f"https://frontline.example/v1/feedback/{answer.json()['id']}"
        assert answer.json()["status_url"] == answer.headers["location"] == url


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON", None],
)
async def test_json_is_taken_with_and_without_its_content_type(content_type: str | None) -> None:
    async with memory_intake() as intake:
        headers = {"content-type": content_type} if content_type else {}
        answer = await intake.client.post(
            "/v1/feedback", content=json.dumps(OBSERVATION), headers=headers
        )
        assert answer.status_code == 202


async def test_metrics_name_routes_and_verdicts_never_ids() -> None:
    async with memory_intake() as intake:
        made = (await intake.client.post("/v1/feedback", json=OBSERVATION)).json()
        await intake.client.get(made["status_url"])
        text = (await intake.client.get("/metrics")).text
        assert 'route="/v1/feedback"' in text
        assert 'route="/v1/feedback/{feedback_id:uuid}"' in text
        assert 'frontline_submissions_total{verdict="new"} 1.0' in text
        assert made["id"] not in text
