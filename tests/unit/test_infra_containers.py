"""A container is handled as an embedded server is: stopped, held, and started at its address."""

from typing import Any
from unittest.mock import MagicMock

import pytest

from tests import containers
from tests.containers import FixedPortContainer
from tests.infra import InfrastructureMissing


def docker(status: str = "running") -> Any:
    container = MagicMock()
    container.get_wrapped_container().status = status
    return container


def test_a_second_start_starts_the_same_container_again() -> None:
    container = docker()
    server = FixedPortContainer(container, lambda: True)
    server.start()
    server.stop()
    server.start()
    container.start.assert_called_once()
    container.get_wrapped_container().start.assert_called_once()


@pytest.mark.parametrize(("status", "calls"), [("running", 0), ("paused", 1)])
def test_only_a_held_container_is_let_go_on(status: str, calls: int) -> None:
    container = docker(status)
    FixedPortContainer(container, lambda: True).resume()
    assert container.get_wrapped_container().unpause.call_count == calls


def test_a_container_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "START_SECONDS", 0)
    with pytest.raises(InfrastructureMissing, match="is not ready"):
        FixedPortContainer(docker(), lambda: False).start()
