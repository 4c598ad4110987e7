"""Samples are sent once, whatever happens on the way, and a refusal names the sample."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.local import samples
from deploy.local.samples import NotSent, Sample, read_samples, send
from tests.infra import free_port

Answer = Callable[[list[dict[str, Any]]], tuple[int, dict[str, Any]]]
SAMPLES = [Sample(name, {"kind": "observation", "text": name}) for name in ("one", "two")]


@contextmanager
def intake(*answers: Answer) -> Iterator[tuple[str, list[list[dict[str, Any]]]]]:
    """A server that gives each answer once, the last one for ever; and the batches that it got."""
    got: list[list[dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            items = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["items"]
            got.append(items)
            status, document = answers[min(len(got), len(answers)) - 1](items)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        server.server_close()


def accept(items: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    results = [
        {"index": index, "status": 202, "id": f"id-{item['text']}", "reference": "ABCD2345"}
        for index, item in enumerate(items)
    ]
    return 202, {"results": results}


@pytest.fixture(autouse=True)
def _repeat_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "REPEAT_SECONDS", 0.01)


def test_each_sample_is_accepted_under_its_name() -> None:
    with intake(accept) as (url, got):
        accepted = send(SAMPLES, url, "key", 5)
    assert [(one.name, one.id) for one in accepted] == [("one", "id-one"), ("two", "id-two")]
    assert len({item["idempotency_key"] for item in got[0]}) == 2


def test_a_batch_that_was_not_taken_is_repeated_with_the_same_keys() -> None:
    away: Answer = lambda items: (503, {"title": "Service unavailable"})  # noqa: E731

    def half(items: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        _, document = accept(items)
        document["results"][1] = {"index": 1, "status": 503, "problem": {}}
        return 202, document

    with intake(away, half, accept) as (url, got):
        assert len(send(SAMPLES, url, "key", 5)) == 2
    assert got[0] == got[1] == got[2]


def test_a_refused_sample_is_named_with_its_problem() -> None:
    def refuse(items: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        _, document = accept(items)
        document["results"][1] = {"index": 1, "status": 422, "problem": {"detail": "too long"}}
        return 202, document

    with intake(refuse) as (url, _), pytest.raises(NotSent, match=r"two: .*too long"):
        send(SAMPLES, url, "key", 5)


def test_a_refused_batch_is_not_repeated() -> None:
    refuse: Answer = lambda items: (401, {"title": "Unknown key"})  # noqa: E731
    with intake(refuse) as (url, got), pytest.raises(NotSent, match="401"):
        send(SAMPLES, url, "key", 5)
    assert len(got) == 1


def test_waiting_for_intake_has_an_end() -> None:
    with pytest.raises(NotSent, match="in time: no answer"):
        send(SAMPLES, f"http://127.0.0.1:{free_port()}", "key", 0.05)


def test_the_key_is_the_same_on_every_start_and_another_for_another_text(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_text('{"id": "a", "kind": "observation", "text": "x"}\n\n')
    (first,) = read_samples(file)
    assert first.feedback == {"kind": "observation", "text": "x"}
    assert read_samples(file)[0].idempotency_key == first.idempotency_key
    assert Sample("a", {"text": "y"}).idempotency_key != first.idempotency_key
