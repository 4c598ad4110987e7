"""The artifact: a trained model as arrays in one .npz and a metadata.json that names their hash."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = "frontline-tfidf/1"
SHIPPED = Path(__file__).parent / "artifact"

_ARRAYS = "arrays.npz"
_METADATA = "metadata.json"
_MAX_FILE_BYTES = 100_000_000

Floats = NDArray[np.float32]


class UnreadableModel(ValueError):  # noqa: N818 - named for what it says of the artifact
    """The artifact cannot be used; the message says which file, what is wrong and what to do."""


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model.

    `terms` in the order of the rows of `weights`; `weights` is (terms, areas + departments), the
    areas first; `bias` is (areas + departments,). An area's probability is
    sigmoid(slope * score + offset); the departments' is softmax(temperature * scores).
    An area is tagged from its threshold on; the first area already from `first_at` on.
    """

    areas: tuple[str, ...]
    departments: tuple[str, ...]
    terms: tuple[str, ...]
    idf: Floats
    weights: Floats
    bias: Floats
    slopes: Floats
    offsets: Floats
    temperature: float
    thresholds: Floats
    first_at: float
    version: str
    vocabulary_version: str
    metadata: Mapping[str, Any]


def save_model(model: Model, folder: Path) -> None:
    """Writes the two files of an artifact; weights keep eight bits, scaled for each term.

    The version of a written model ends in the first digits of its arrays' hash: other arrays,
    other version.
    """
    folder.mkdir(parents=True, exist_ok=True)
    payload = _pack(model)
    digest = hashlib.sha256(payload).hexdigest()
    (folder / _ARRAYS).write_bytes(payload)
    metadata = {
        "format": FORMAT,
        "model_version": f"{model.version}-{digest[:8]}",
        "vocabulary_version": model.vocabulary_version,
        "arrays_sha256": digest,
        "areas": model.areas,
        "departments": model.departments,
        **model.metadata,
    }
    text = json.dumps(metadata, indent=2, ensure_ascii=False)
    (folder / _METADATA).write_text(text + "\n", encoding="utf-8")


def load_model(folder: Path = SHIPPED) -> Model:
    """Reads and checks an artifact; raises `UnreadableModel`."""
    metadata = _read_metadata(folder / _METADATA)
    path = folder / _ARRAYS
    payload = _read(path)
    if hashlib.sha256(payload).hexdigest() != metadata["arrays_sha256"]:
        raise UnreadableModel(f"{path} has another SHA-256 than {_METADATA} says; train it again")
    try:
        with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
            return _unpack(arrays, metadata)
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise UnreadableModel(f"{path} is not a model of format {FORMAT}: {error}") from error


def _pack(model: Model) -> bytes:
    scales = np.maximum(np.abs(model.weights).max(axis=1), np.float32(1e-12)) / np.float32(127)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        terms=np.frombuffer("\n".join(model.terms).encode(), dtype=np.uint8),
        idf=model.idf,
        weights=np.round(model.weights / scales[:, None]).astype(np.int8),
        scales=scales,
        bias=model.bias,
        slopes=model.slopes,
        offsets=model.offsets,
        temperature=np.float32(model.temperature),
        thresholds=model.thresholds,
        first_at=np.float32(model.first_at),
    )
    return buffer.getvalue()


def _unpack(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> Model:
    areas, departments = tuple(metadata["areas"]), tuple(metadata["departments"])
    terms = tuple(arrays["terms"].tobytes().decode().split("\n"))
    weights = arrays["weights"].astype(np.float32) * arrays["scales"][:, None]
    columns = len(areas) + len(departments)
    expected = {
        "weights": (len(terms), columns),
        "idf": (len(terms),),
        "bias": (columns,),
        "slopes": (len(areas),),
        "offsets": (len(areas),),
        "thresholds": (len(areas),),
    }
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has the shape {arrays[name].shape}, not {shape}")
    if not np.isfinite(weights).all():
        raise ValueError("weights are not finite")
    return Model(
        areas=areas,
        departments=departments,
        terms=terms,
        idf=arrays["idf"],
        weights=weights,
        bias=arrays["bias"],
        slopes=arrays["slopes"],
        offsets=arrays["offsets"],
        temperature=float(arrays["temperature"]),
        thresholds=arrays["thresholds"],
        first_at=float(arrays["first_at"]),
        version=str(metadata["model_version"]),
        vocabulary_version=str(metadata["vocabulary_version"]),
        metadata=metadata,
    )


def _read_metadata(path: Path) -> dict[str, Any]:
    try:
        metadata = json.loads(_read(path))
    except ValueError as error:
        raise UnreadableModel(f"{path} is not JSON: {error}") from error
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise UnreadableModel(f"{path} does not describe a model of format {FORMAT}")
    needed = {"model_version", "vocabulary_version", "arrays_sha256", "areas", "departments"}
    missing = sorted(needed - metadata.keys())
    if missing:
        raise UnreadableModel(f"{path} lacks {', '.join(missing)}")
    return metadata


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise UnreadableModel(f"{path} is larger than {_MAX_FILE_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise UnreadableModel(
            f"{path} cannot be read ({error.strerror}); run make train"
        ) from error
