"""The lines of the house: who may import what. Every import of every module is read."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = {"intake", "classifier", "router", "departments", "console"}
LIBRARIES = {
    *("runtime", "queues", "accounts", "routing"),
    *("stages", "audit", "deadletters", "receipts", "tracing"),
}

# modules that decide and touch nothing: no input, no output, no clock of their own
PURE = {
    "services/audit/entry.py",
    "services/classifier/comparing.py",
    "services/classifier/deciding.py",
    "services/classifier/fast.py",
    "services/classifier/judging.py",
    "services/classifier/passages.py",
    "services/classifier/reading.py",
    "services/classifier/reasons.py",
    "services/classifier/tagging.py",
    "services/console/cli/exits.py",
    "services/console/errors.py",
    "services/console/periods.py",
    "services/deadletters/filter.py",
    "services/deadletters/letter.py",
    "services/deadletters/redrive.py",
    "services/deadletters/showing.py",
    "services/console/attention.py",
    "services/console/journey.py",
    "services/console/notice.py",
    "services/console/pipeline.py",
    "services/console/verification/case.py",
    "services/console/verification/evidence.py",
    "services/console/verification/fault.py",
    "services/console/verification/judging.py",
    "services/console/verification/period.py",
    "services/console/verification/standing.py",
    "services/intake/submissions.py",
    "services/queues/dead_item.py",
    "services/queues/item.py",
    "services/queues/item_history.py",
    "services/queues/item_state.py",
    "services/receipts/receipt.py",
    "services/routing/decision.py",
    "services/routing/ranking.py",
    "services/routing/rules.py",
    "services/runtime/errors.py",
    "services/runtime/fuse.py",
    "services/runtime/plain_text.py",
    "services/runtime/waiting.py",
    "services/tracing/hop.py",
}
IO_MODULES = {
    *("aiokafka", "asyncio", "bson", "fastapi", "faststream", "httpx", "logging", "motor"),
    *("prometheus_client", "pymongo", "random", "socket", "starlette", "structlog", "uvicorn"),
}
DRIVER = {"bson", "motor", "pymongo"}
STREAMING = {"aiokafka", "faststream"}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, imports inside functions included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by full path, not relatively"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


def within(name: str, part: str) -> bool:
    return name == part or name.startswith(part + ".")


@pytest.mark.parametrize("path", modules("schemas"), ids=str)
def test_schemas_import_pydantic_and_the_standard_library_only(path: Path) -> None:
    assert tops(path) - set(sys.stdlib_module_names) <= {"pydantic", "schemas"}


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_imports_contracts_libraries_and_itself(service: str) -> None:
    allowed = LIBRARIES | {service}
    for path in modules(f"services/{service}"):
        for name in imports(path):
            assert not within(name, "tests"), path
            assert not within(name, "deploy"), path
            if name.startswith("services."):
                assert name.split(".")[1] in allowed, f"{path} imports {name}"


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_a_library_imports_no_service(library: str) -> None:
    for path in modules(f"services/{library}"):
        for name in imports(path):
            if name.startswith("services."):
                assert name.split(".")[1] in LIBRARIES, f"{path} imports {name}"


def test_runtime_knows_no_feedback() -> None:
    for path in modules("services/runtime"):
        for name in imports(path):
            assert not within(name, "schemas"), f"{path} imports {name}"
            assert not name.startswith("services.") or within(name, "services.runtime"), path


@pytest.mark.parametrize("name", sorted(PURE))
def test_pure_modules_import_no_io(name: str) -> None:
    path = ROOT / name
    assert path.exists(), f"{name} is listed as pure and is not there"
    assert not tops(path) & IO_MODULES


def test_only_adapters_touch_the_database_driver() -> None:
    for path in modules("services"):
        if tops(path) & DRIVER:
            adapter = path.name.endswith("_store.py") or path == ROOT / "services/runtime/mongo.py"
            assert adapter, f"{path} imports the MongoDB driver"


def test_only_the_runtime_touches_kafka() -> None:
    for path in modules("services"):
        if tops(path) & STREAMING:
            inside = within(".".join(path.relative_to(ROOT).parts[:2]), "services.runtime")
            assert inside or path.name == "app.py", f"{path} imports a Kafka library"


def test_only_training_touches_what_is_heavy() -> None:
    """The running classifier needs neither torch nor scikit-learn nor what draws plots."""
    heavy = {"matplotlib", "onnx", "scipy", "sklearn", "torch", "transformers"}
    apart = (ROOT / "services/classifier/training", ROOT / "services/classifier/evaluation")
    for path in modules("services"):
        inside = any(path.is_relative_to(folder) for folder in apart)
        assert inside or not tops(path) & heavy, f"{path} imports what only training has"
        for name in imports(path):
            assert inside or not name.startswith(
                ("services.classifier.training", "services.classifier.evaluation")
            ), f"{path} imports {name}, which the image does not have"


def test_motor_is_named_in_one_module() -> None:
    named = {path for path in modules("services") if "motor" in tops(path)}
    assert named == {ROOT / "services/runtime/mongo.py"}


@pytest.mark.parametrize("path", [*modules("schemas"), *modules("services")], ids=str)
def test_every_module_says_in_one_line_what_it_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, f"{path} has no docstring"
    assert docstring.splitlines()[0].endswith((".", "`", ":")), path
