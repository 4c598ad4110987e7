"""Where tests take Kafka and MongoDB from."""

from pathlib import Path

import pytest

from deploy.local.errors import CannotStart
from tests.infra import PREFERENCE_VARIABLE, Foreign, InfrastructureMissing, choose


def found() -> Path:
    return Path("/some/mongod")


def missing() -> Path:
    raise CannotStart("no mongod here")


def never() -> bool:
    raise AssertionError("Docker was asked although it was not needed")


def test_an_address_in_the_environment_comes_first() -> None:
    choice = choose("FRONTLINE_MONGO_URL", {"FRONTLINE_MONGO_URL": "x"}, missing, never)
    assert choice.source == "environment"


def test_an_embedded_server_comes_before_docker() -> None:
    choice = choose("FRONTLINE_MONGO_URL", {"FRONTLINE_MONGO_URL": ""}, found, never)
    assert (choice.source, choice.because) == ("embedded", "/some/mongod")


def test_docker_is_used_where_no_embedded_server_runs_and_the_reason_is_kept() -> None:
    choice = choose("FRONTLINE_MONGO_URL", {}, missing, lambda: True)
    assert (choice.source, choice.because) == ("testcontainers", "no mongod here")


def test_docker_can_be_asked_for() -> None:
    environment = {PREFERENCE_VARIABLE: "testcontainers"}
    assert choose("X", environment, found, lambda: True).source == "testcontainers"


def test_every_missing_part_is_named() -> None:
    with pytest.raises(InfrastructureMissing, match="no mongod here; and no Docker daemon"):
        choose("X", {}, missing, lambda: False)


def test_embedded_asked_for_and_missing_does_not_fall_back_to_docker() -> None:
    with pytest.raises(InfrastructureMissing, match="no mongod here"):
        choose("X", {PREFERENCE_VARIABLE: "embedded"}, missing, never)


def test_a_mistyped_preference_is_refused() -> None:
    with pytest.raises(InfrastructureMissing, match=PREFERENCE_VARIABLE):
        choose("X", {PREFERENCE_VARIABLE: "dokcer"}, found, never)


def test_a_foreign_server_is_never_stopped() -> None:
    foreign = Foreign("FRONTLINE_KAFKA_SERVERS")
    foreign.start()
    for disturb in (foreign.stop, foreign.pause, foreign.resume, foreign.kill):
        with pytest.raises(InfrastructureMissing, match="FRONTLINE_KAFKA_SERVERS"):
            disturb()
