"""The API describes itself: OpenAPI 3.1 with examples that are accepted and every problem."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.submitting import memory_intake


@pytest.fixture
async def document() -> dict[str, Any]:
    async with memory_intake() as intake:
        described: dict[str, Any] = (await intake.client.get("/openapi.json")).json()
        again = (await intake.client.get("/openapi.json")).json()
        assert described == again
        return described


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_is_openapi_3_1_with_the_three_operations(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert {(path, method) for path, method, _ in operations(document)} == {
        ("/v1/feedback", "post"),
        ("/v1/feedback/batch", "post"),
        ("/v1/feedback/{feedback_id}", "get"),
    }


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    names = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert names <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in str(document)


def test_every_failure_is_described_as_a_problem(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        statuses = {int(status) for status in operation["responses"]}
        wanted = {401, 503} | ({404} if method == "get" else {400, 403, 413, 415, 422, 429})
        assert wanted <= statuses, path
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert set(answer["content"]) == {"application/problem+json"}
            if status in ("429", "503"):
                assert "Retry-After" in answer["headers"]
        assert operation["security"] == [{"key": []}]


async def test_the_examples_are_valid_and_accepted(document: dict[str, Any]) -> None:
    async with memory_intake() as intake:
        for path, method, operation in operations(document):
            if method != "post":
                continue
            media = operation["requestBody"]["content"]["application/json"]
            schema = media["schema"] | {"components": document["components"]}
            for example in media["examples"].values():
                Draft202012Validator(schema).validate(example["value"])
                answer = await intake.client.post(path, json=example["value"])
                assert answer.status_code == 202, answer.text
                assert "problem" not in answer.text


async def test_the_description_needs_no_page_from_elsewhere() -> None:
    async with memory_intake() as intake:
        assert (await intake.client.get("/docs")).status_code == 404
        assert (await intake.client.get("/redoc")).status_code == 404
