"""An artifact is arrays, an encoder and JSON with their hashes; anything else is refused."""

import hashlib
import io
import json
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.policy_areas import load_policy_areas
from services.classifier import model_files
from services.classifier.loading import load_tagger
from services.classifier.model import UnreadableModel
from services.classifier.model_files import SHIPPED, load_model, save_model
from services.classifier.tagging import Tagger
from services.routing.rulebook import load_rules

ROOT = Path(__file__).parents[2]


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "artifact"))


def rewrite(folder: Path, name: str, **changes: Any) -> None:
    value = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(value | changes))


def reissue(folder: Path, **changes: Any) -> None:
    """Changes the metadata as somebody would who makes its version agree."""
    metadata = json.loads((folder / "metadata.json").read_text()) | changes
    digest = model_files._digest(metadata["files"], metadata["areas"], metadata["departments"])
    rewrite(folder, "metadata.json", **changes, model_version=f"test-{digest}")


def replace_file(folder: Path, name: str, payload: bytes) -> None:
    (folder / name).write_bytes(payload)
    files = json.loads((folder / "metadata.json").read_text())["files"]
    digest = hashlib.sha256(payload).hexdigest()
    reissue(folder, files=files | {name: digest})


def with_arrays(folder: Path, **changes: Any) -> None:
    with np.load(folder / "fast.npz") as arrays:
        kept = {name: arrays[name] for name in arrays.files} | changes
    buffer = io.BytesIO()
    np.savez(buffer, **kept)
    replace_file(folder, "fast.npz", buffer.getvalue())


def test_the_shipped_model_is_small_quick_to_load_and_fits_the_vocabulary() -> None:
    started = time.process_time()
    load_tagger()
    assert time.process_time() - started < 3
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 60_000_000
    model = load_model()
    assert model.areas == load_policy_areas().slugs
    assert model.vocabulary_version == load_policy_areas().version


def test_the_shipped_model_loads_in_under_400_mb() -> None:
    code = (
        "from pathlib import Path\n"
        "from services.classifier.loading import load_tagger\n"
        "load_tagger().tag('The landlord will not mend the damp in our flats. ' * 60)\n"
        "status = Path('/proc/self/status').read_text()\n"  # of this process, not of its parent
        "print(status.partition('VmHWM:')[2].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 400_000


def test_the_shipped_card_names_data_and_credit() -> None:
    metadata = load_model().metadata
    assert metadata["training_data"]["questions"]["rows"] == 70_792
    assert len(metadata["training_data"]["questions"]["sha256"]) == 64
    assert any("Open Parliament Licence v3.0" in line for line in metadata["credit"])
    assert any("mySociety" in line for line in metadata["credit"])
    assert any("all-MiniLM-L6-v2" in line for line in metadata["credit"])


def test_a_saved_model_reads_back_and_tags_alike(tmp_path: Path) -> None:
    model = load_model()
    save_model(model, tmp_path)
    text = "The landlord will not mend the damp flats of our tenants."
    first, second = (Tagger(each, load_rules()) for each in (model, load_model(tmp_path)))
    assert [each.area for each in first.tag(text).areas] == [
        each.area for each in second.tag(text).areas
    ]


def test_other_numbers_are_another_version_of_thresholds(artifact: Path) -> None:
    before = load_model(artifact)
    rewrite(artifact, "thresholds.json", first_at=0.123)
    after = load_model(artifact)
    assert after.thresholds.version != before.thresholds.version
    assert after.version == before.version


def test_a_changed_model_is_saved_under_another_version(tmp_path: Path) -> None:
    model = load_model()
    louder = replace(model, fast=replace(model.fast, bias=model.fast.bias + 1))
    save_model(louder, tmp_path)
    written = load_model(tmp_path)
    assert written.version != model.version
    assert written.version.rsplit("-", 1)[0] == model.version.rsplit("-", 1)[0]


def pickled(folder: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, terms=np.array([{"a": 1}], dtype=object))
    replace_file(folder, "fast.npz", buffer.getvalue())


def not_a_number(folder: Path) -> None:
    with np.load(folder / "fast.npz") as arrays:
        bias = arrays["bias"]
    with_arrays(folder, bias=np.full_like(bias, np.nan))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "fast.npz").unlink(), "run make train"),
        (lambda folder: (folder / "metadata.json").unlink(), "run make train"),
        (lambda folder: (folder / "thresholds.json").unlink(), "run make train"),
        (
            lambda folder: (folder / "fast.npz").write_bytes(b"rubbish"),
            "another SHA-256 than metadata.json says",
        ),
        (
            lambda folder: (folder / "encoder.onnx").write_bytes(b"rubbish"),
            "another SHA-256 than metadata.json says",
        ),
        (lambda folder: replace_file(folder, "fast.npz", b"rubbish"), "is not a model of format"),
        (
            lambda folder: replace_file(folder, "fast.npz", pickle.dumps({})),
            "is not a model of format",
        ),
        (pickled, "is not a model of format"),
        (
            lambda folder: replace_file(folder, "encoder.onnx", b"rubbish"),
            "the careful reader cannot be loaded",
        ),
        (
            lambda folder: replace_file(folder, "tokenizer.json", b"{}"),
            "the careful reader cannot be loaded",
        ),
        (lambda folder: (folder / "metadata.json").write_text("{"), "is not JSON"),
        (lambda folder: (folder / "metadata.json").write_text("[]"), "does not describe a model"),
        (
            lambda folder: rewrite(folder, "metadata.json", format="other/9"),
            "does not describe a model",
        ),
        (
            lambda folder: (folder / "metadata.json").write_text('{"areas": []}'),
            "lacks departments, files, model_version, vocabulary_version",
        ),
        (
            lambda folder: with_arrays(folder, idf=np.ones(3, dtype=np.float32)),
            "idf has the shape",
        ),
        (not_a_number, "bias is not finite"),
        (lambda folder: reissue(folder, areas=["housing"]), "has the shape"),
        (
            lambda folder: rewrite(folder, "metadata.json", areas=["housing"]),
            "does not go with its own version",
        ),
        (
            lambda folder: rewrite(folder, "thresholds.json", areas={"housing": 0.5}),
            "no threshold for arts-culture-and-heritage",
        ),
        (
            lambda folder: rewrite(folder, "thresholds.json", first_at="low"),
            "thresholds are numbers",
        ),
        (lambda folder: rewrite(folder, "thresholds.json", areas=5), "thresholds are numbers"),
        (
            lambda folder: rewrite(folder, "thresholds.json", first_at=float("nan")),
            "thresholds are between 0 and 2",
        ),
    ],
)
def test_a_spoilt_artifact_is_refused_with_its_reason(
    artifact: Path, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(artifact)
    with pytest.raises(UnreadableModel, match=message):
        load_tagger(artifact)


def test_a_model_of_another_vocabulary_is_refused(artifact: Path) -> None:
    areas = list(load_model(artifact).areas)
    thresholds = json.loads((artifact / "thresholds.json").read_text())["areas"]
    reissue(artifact, areas=["hosing", *areas[1:]])
    rewrite(artifact, "thresholds.json", areas=thresholds | {"hosing": 0.5})
    with pytest.raises(UnreadableModel, match="areas without rules \\(hosing\\)"):
        load_tagger(artifact)
