"""The container's health check: ready, or waiting for a person."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy.healthcheck import is_ready
from services.runtime.health import Health
from tests.infra import free_port


def served(health: Health) -> tuple[int, str]:
    ready, reasons = health.readiness()
    body = json.dumps({"ready": ready, "reasons": reasons, "held": health.held()})
    return (200 if ready else 503), body


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> Callable[[int, str], bool]:
    def serve_and_ask(status: int, body: str) -> bool:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", free_port()), Answer)
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        try:
            return is_ready(server.server_port)
        finally:
            thread.join()
            server.server_close()

    return serve_and_ask


def test_what_is_ready_is_healthy(ask: Callable[[int, str], bool]) -> None:
    assert ask(*served(Health()))


def test_what_waits_for_a_person_alone_is_healthy(ask: Callable[[int, str], bool]) -> None:
    health = Health()
    health.hold("consume feedback.tagged", "paused by on-call: a rule is wrong")
    assert ask(*served(health))


def test_what_cannot_work_is_not(ask: Callable[[int, str], bool]) -> None:
    health = Health()
    health.hold("consume feedback.tagged", "paused by on-call: a rule is wrong")
    health.not_ready("mongo", "no primary")
    assert not ask(*served(health))


@pytest.mark.parametrize("body", ["", "[]", "{}", "no JSON"])
def test_what_makes_no_sense_is_not(ask: Callable[[int, str], bool], body: str) -> None:
    assert not ask(503, body)


def test_nobody_there_is_not() -> None:
    assert not is_ready(free_port())
