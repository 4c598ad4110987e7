"""docker-compose.yml and deploy/Dockerfile say what the code says."""

import importlib
import inspect
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings
from starlette.routing import Route

from deploy.healthcheck import PATH
from deploy.local.jars import KAFKA
from deploy.local.plan import Backends, plan_services
from deploy.local.settings import LocalSettings
from deploy.provision import ProvisionSettings
from services.runtime.health import Health
from services.runtime.metrics import Metrics
from services.runtime.settings import ENV_PREFIX
from services.runtime.web import process_routes

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
PROCESSES = sorted(
    path.parent.name
    for path in (ROOT / "services").glob("*/__main__.py")
    if (path.parent / "settings.py").exists()
)
SHARED = COMPOSE["x-environment"]
OURS = {name: one for name, one in COMPOSE["services"].items() if one["image"] == "frontline"}


def settings_of(name: str) -> type[BaseSettings]:
    """The settings that a service of the compose file reads."""
    if name == "provision":
        return ProvisionSettings
    module = importlib.import_module(f"services.{name}.settings")
    found = [
        one
        for _, one in inspect.getmembers(module, inspect.isclass)
        if issubclass(one, BaseSettings) and one.__module__ == module.__name__
    ]
    assert len(found) == 1, f"services/{name}/settings.py has {len(found)} settings classes"
    return found[0]


def variables_of(name: str) -> set[str]:
    """The names in the environment that a service reads."""
    return {ENV_PREFIX + field.upper() for field in settings_of(name).model_fields}


def test_every_process_of_the_code_is_a_service_and_the_other_way_round() -> None:
    assert sorted(OURS) == sorted([*PROCESSES, "provision"])


@pytest.mark.parametrize("name", OURS)
def test_the_command_runs_a_module_of_ours(name: str) -> None:
    python, flag, module = OURS[name]["command"]
    assert (python, flag) == ("python", "-m")
    file = ROOT / module.replace(".", "/")
    assert (file / "__main__.py").exists() or file.with_suffix(".py").exists()


@pytest.mark.parametrize("name", OURS)
def test_a_setting_of_one_service_is_read_by_it(name: str) -> None:
    own = set(OURS[name]["environment"]) - set(SHARED)
    assert own <= variables_of(name)


def test_a_setting_of_all_services_is_read_by_some() -> None:
    assert set(SHARED) <= set().union(*(variables_of(name) for name in OURS))


@pytest.mark.parametrize("name", OURS)
def test_the_settings_are_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in OURS[name]["environment"].items():
        monkeypatch.setenv(variable, str(value))
    settings_of(name)()


@pytest.mark.parametrize("name", PROCESSES)
def test_ports_are_the_defaults_of_the_code_on_loopback(name: str) -> None:
    port = settings_of(name).model_fields["http_port"].default
    service = OURS[name]
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert service["environment"]["FRONTLINE_HTTP_PORT"] == port


@pytest.mark.parametrize("name", PROCESSES)
def test_the_health_check_asks_the_readiness_of_that_port(name: str) -> None:
    port = settings_of(name).model_fields["http_port"].default
    assert OURS[name]["healthcheck"]["test"] == [
        "CMD",
        "python",
        "-m",
        "deploy.healthcheck",
        str(port),
    ]


def test_readiness_is_where_the_health_check_asks() -> None:
    routes = process_routes(Health(), Metrics())
    assert PATH in {route.path for route in routes if isinstance(route, Route)}


def test_the_local_demo_runs_the_same_services_on_the_same_ports() -> None:
    backends = Backends("kafka:9092", "mongodb://mongo", ())
    services = plan_services(LocalSettings(), Path("var"), backends)
    assert {name: service.url for name, service in services.items()} == {
        name: f"http://127.0.0.1:{settings_of(name).model_fields['http_port'].default}"
        for name in PROCESSES
    }


def test_services_start_after_provisioning_and_that_after_healthy_servers() -> None:
    for name in PROCESSES:
        assert OURS[name]["depends_on"] == {
            "provision": {"condition": "service_completed_successfully"}
        }
    assert OURS["provision"]["depends_on"] == {
        "kafka": {"condition": "service_healthy"},
        "mongo": {"condition": "service_healthy"},
    }


def test_addresses_are_those_of_the_servers_in_the_file() -> None:
    kafka, mongo = COMPOSE["services"]["kafka"], COMPOSE["services"]["mongo"]
    advertised = kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert advertised == f"PLAINTEXT://{SHARED['FRONTLINE_KAFKA_SERVERS']}"
    replica_set = mongo["command"][mongo["command"].index("--replSet") + 1]
    assert SHARED["FRONTLINE_MONGO_URL"] == f"mongodb://mongo:27017/?replicaSet={replica_set}"
    assert f'_id: "{replica_set}"' in mongo["healthcheck"]["test"][-1]


def test_nothing_is_published_beyond_loopback() -> None:
    published = [port for one in COMPOSE["services"].values() for port in one.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_kafka_is_the_version_that_tests_run_on() -> None:
    assert COMPOSE["services"]["kafka"]["image"] == f"apache/kafka:{KAFKA.split(':')[2]}"


@pytest.mark.parametrize("name", OURS)
def test_services_run_without_privileges_on_a_read_only_image(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["user"] == "10001:10001"
    assert f"USER {service['user']}" in DOCKERFILE


def test_the_image_holds_what_its_commands_import() -> None:
    for name, service in OURS.items():
        top = service["command"][2].split(".")[0]
        assert re.search(rf"^COPY {top}[ /]", DOCKERFILE, re.MULTILINE), name


def test_what_the_image_copies_exists_and_is_let_into_the_build() -> None:
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    copied = [source for line in lines for source in line.split()]
    allowed = [
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in allowed), source


def test_the_image_installs_hashed_packages() -> None:
    assert "--require-hashes" in DOCKERFILE
    requirements = (ROOT / "requirements" / "run.txt").read_text()
    assert requirements.count("--hash=sha256:") >= requirements.count("==")
