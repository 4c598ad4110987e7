"""An artifact is arrays with their hash; anything else is refused with a reason."""

import hashlib
import io
import json
import pickle
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.policy_areas import load_policy_areas
from services.classifier.model import SHIPPED, UnreadableModel, load_model, save_model
from services.classifier.tagging import Tagger
from services.routing.rulebook import load_rules


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "artifact"))


def rewrite_metadata(folder: Path, **changes: Any) -> None:
    metadata = json.loads((folder / "metadata.json").read_text())
    (folder / "metadata.json").write_text(json.dumps(metadata | changes))


def replace_arrays(folder: Path, payload: bytes) -> None:
    (folder / "arrays.npz").write_bytes(payload)
    rewrite_metadata(folder, arrays_sha256=hashlib.sha256(payload).hexdigest())


def with_arrays(folder: Path, **changes: Any) -> None:
    with np.load(folder / "arrays.npz") as arrays:
        kept = {name: arrays[name] for name in arrays.files} | changes
    buffer = io.BytesIO()
    np.savez(buffer, **kept)
    replace_arrays(folder, buffer.getvalue())


def test_the_shipped_model_is_small_quick_to_load_and_fits_the_vocabulary() -> None:
    started = time.process_time()
    model = load_model()
    assert time.process_time() - started < 2
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 12_000_000
    assert model.areas == load_policy_areas().slugs
    assert model.vocabulary_version == load_policy_areas().version


def test_the_shipped_card_names_data_scores_and_credit() -> None:
    metadata = load_model().metadata
    assert metadata["training_data"]["questions"]["rows"] == 70_792
    assert len(metadata["training_data"]["questions"]["sha256"]) == 64
    assert metadata["scores"]["petitions_departments"]["within_three"] > 0.85
    assert metadata["scores"]["petitions_areas"]["first_right_or_acceptable"] > 0.9
    assert any("Open Parliament Licence v3.0" in line for line in metadata["credit"])
    assert any("mySociety" in line for line in metadata["credit"])


def test_a_saved_model_reads_back_and_tags_alike(tmp_path: Path) -> None:
    model = load_model()
    save_model(model, tmp_path)
    text = "The landlord will not mend the damp flats of our tenants."
    first, second = (Tagger(each, load_rules()) for each in (model, load_model(tmp_path)))
    assert [each.area for each in first.tag(text).areas] == [
        each.area for each in second.tag(text).areas
    ]


def pickled(folder: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, terms=np.array([{"a": 1}], dtype=object))
    replace_arrays(folder, buffer.getvalue())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "arrays.npz").unlink(), "run make train"),
        (lambda folder: (folder / "metadata.json").unlink(), "run make train"),
        (
            lambda folder: (folder / "arrays.npz").write_bytes(b"rubbish"),
            "another SHA-256 than metadata.json says",
        ),
        (lambda folder: replace_arrays(folder, b"rubbish"), "is not a model of format"),
        (lambda folder: replace_arrays(folder, pickle.dumps({})), "is not a model of format"),
        (pickled, "is not a model of format"),
        (lambda folder: (folder / "metadata.json").write_text("{"), "is not JSON"),
        (lambda folder: (folder / "metadata.json").write_text("[]"), "does not describe a model"),
        (lambda folder: rewrite_metadata(folder, format="other/9"), "does not describe a model"),
        (
            lambda folder: (folder / "metadata.json").write_text('{"format": "frontline-tfidf/1"}'),
            "lacks areas, arrays_sha256, departments",
        ),
        (
            lambda folder: with_arrays(folder, idf=np.ones(3, dtype=np.float32)),
            "idf has the shape",
        ),
        (
            lambda folder: rewrite_metadata(folder, areas=["housing"]),
            "weights has the shape",
        ),
    ],
)
def test_a_spoilt_artifact_is_refused_with_its_reason(
    artifact: Path, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(artifact)
    with pytest.raises(UnreadableModel, match=message):
        load_model(artifact)


def test_a_model_of_another_vocabulary_is_refused(artifact: Path) -> None:
    areas = list(load_model(artifact).areas)
    rewrite_metadata(artifact, areas=["hosing", *areas[1:]])
    with pytest.raises(UnreadableModel, match="areas without rules \\(hosing\\)"):
        Tagger(load_model(artifact), load_rules())
