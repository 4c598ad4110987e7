"""What is wrong with the machine is said before anything starts, in one message."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from deploy.local.errors import CannotStart
from deploy.local.preflight import check_disk, check_ports, only_one
from deploy.local.settings import LocalSettings
from tests.infra import free_port


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
        listener.listen()
        yield listener.getsockname()[1]


def test_every_taken_port_is_named_with_its_setting(taken: int) -> None:
    ports = {"FRONTLINE_DEMO_INTAKE_PORT": taken, "FRONTLINE_DEMO_ROUTER_PORT": free_port()}
    with pytest.raises(CannotStart, match=rf"{taken} \(FRONTLINE_DEMO_INTAKE_PORT\)") as refusal:
        check_ports(ports)
    assert "ROUTER" not in str(refusal.value)


def test_a_port_taken_on_all_addresses_counts_as_taken() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", free_port()))
        listener.listen()
        with pytest.raises(CannotStart):
            check_ports({"A": listener.getsockname()[1]})


def test_a_port_whose_last_connection_is_closing_is_free() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", free_port()))
        listener.listen()
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            listener.accept()[0].close()
    check_ports({"A": port})


def test_one_port_for_two_servers_is_refused() -> None:
    port = free_port()
    with pytest.raises(CannotStart, match="set twice"):
        check_ports({"A": port, "B": port})


def test_ports_of_servers_that_run_elsewhere_are_not_needed() -> None:
    settings = LocalSettings(kafka_servers="elsewhere:9092", mongo_url=SecretStr("mongodb://x"))
    assert set(settings.ports()) == {
        "FRONTLINE_DEMO_INTAKE_PORT",
        "FRONTLINE_DEMO_DEPARTMENTS_PORT",
        "FRONTLINE_DEMO_CONSOLE_PORT",
        "FRONTLINE_DEMO_CLASSIFIER_PORT",
        "FRONTLINE_DEMO_ROUTER_PORT",
    }


def test_too_little_disk_says_how_much_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="FRONTLINE_STATE_DIR"):
        check_disk(tmp_path, 10_000_000)
    check_disk(tmp_path, 0)


def test_a_folder_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    second = only_one(tmp_path)
    with only_one(tmp_path), pytest.raises(CannotStart, match=rf"process {os.getpid()}"):
        second.__enter__()
    with only_one(tmp_path):
        pass
