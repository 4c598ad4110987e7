"""Reads and writes a model's files: arrays, an encoder, plain JSON, and the hash of each."""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.classifier.model import (
    CarefulWeights,
    FastWeights,
    Judgement,
    Model,
    Thresholds,
    UnreadableModel,
)

FORMAT = "frontline-readers/1"
SHIPPED = Path(__file__).parent / "artifact"

_METADATA = "metadata.json"
_THRESHOLDS = "thresholds.json"
_FAST = "fast.npz"
_CAREFUL = "careful.npz"
_ENCODER = "encoder.onnx"
_TOKENIZER = "tokenizer.json"
_NEEDED = ("model_version", "vocabulary_version", "files", "areas", "departments")
_MAX_FILE_BYTES = 100_000_000
_DIGITS = re.compile(r"-[0-9a-f]{8}$")
_SINGLE = ("first_at", "out_of_scope_at", "careful_below")
_MOST = 2.0  # above 1: never reached


def save_model(model: Model, folder: Path) -> None:
    """Writes an artifact; the fast reader's weights keep eight bits, scaled for each term.

    The version of a written model ends in the first digits of the hash of its files: other
    weights, other version. Thresholds are apart: they may change without a new model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {_FAST: _packed({**_fast_arrays(model.fast), **_judgement_arrays(model.alone)})}
    if model.careful is not None and model.together is not None:
        heads = {"weights": model.careful.weights, "bias": model.careful.bias}
        files[_CAREFUL] = _packed({**heads, **_judgement_arrays(model.together)})
        files[_ENCODER] = model.careful.encoder
        files[_TOKENIZER] = model.careful.tokenizer.encode()
    hashes = {name: hashlib.sha256(payload).hexdigest() for name, payload in files.items()}
    digest = _digest(hashes, model.areas, model.departments)
    metadata = {
        **model.metadata,
        "format": FORMAT,
        "model_version": f"{_named(model.version)}-{digest}",
        "vocabulary_version": model.vocabulary_version,
        "files": hashes,
        "areas": model.areas,
        "departments": model.departments,
    }
    for name in (_FAST, _CAREFUL, _ENCODER, _TOKENIZER):
        (folder / name).unlink(missing_ok=True)  # nothing stays of another model
    for name, payload in files.items():
        (folder / name).write_bytes(payload)
    _write_json(folder / _METADATA, metadata)
    save_thresholds(model.thresholds, folder / _THRESHOLDS)


def save_thresholds(thresholds: Thresholds, path: Path) -> None:
    """Writes thresholds as JSON that a person can read and change."""
    _write_json(path, asdict(thresholds) | {"version": _named(thresholds.version)})


def load_model(folder: Path = SHIPPED) -> Model:
    """Reads and checks an artifact; raises `UnreadableModel`."""
    metadata = _read_json(folder / _METADATA, needed=_NEEDED)
    if metadata.get("format") != FORMAT:
        raise UnreadableModel(f"{folder / _METADATA} does not describe a model of format {FORMAT}")
    areas, departments = tuple(metadata["areas"]), tuple(metadata["departments"])
    columns = len(areas) + len(departments) + 1
    hashes = metadata["files"]
    if not str(metadata["model_version"]).endswith(_digest(hashes, areas, departments)):
        raise UnreadableModel(
            f"{folder / _METADATA} does not go with its own version: its files, areas or "
            "departments were changed; train it again"
        )
    files = {name: _checked(folder / name, expected) for name, expected in hashes.items()}
    fast, alone = _fast_from(_arrays(folder / _FAST, files.get(_FAST, b"")), columns, folder)
    careful = together = None
    if _ENCODER in files:
        arrays = _arrays(folder / _CAREFUL, files.get(_CAREFUL, b""))
        careful, together = _careful_from(arrays, files, columns, folder)
    return Model(
        areas=areas,
        departments=departments,
        fast=fast,
        alone=alone,
        careful=careful,
        together=together,
        thresholds=load_thresholds(folder / _THRESHOLDS, areas),
        version=str(metadata["model_version"]),
        vocabulary_version=str(metadata["vocabulary_version"]),
        metadata=metadata,
    )


def load_thresholds(path: Path, areas: Iterable[str]) -> Thresholds:
    """Reads thresholds for `areas`; raises `UnreadableModel`.

    The version of what is read ends in the first digits of a hash of the numbers: other numbers,
    other version, whoever changed them.
    """
    given = _read_json(path, needed=Thresholds.__dataclass_fields__)
    try:
        missing = sorted(set(areas) - set(given["areas"]))
        if missing:
            raise UnreadableModel(f"{path} has no threshold for {', '.join(missing)}")
        values = {area: float(given["areas"][area]) for area in given["areas"]}
        first, scope, careful = (float(given[name]) for name in _SINGLE)
    except (TypeError, ValueError) as error:
        if isinstance(error, UnreadableModel):
            raise
        raise UnreadableModel(f"{path}: thresholds are numbers: {error}") from error
    if not all(0 <= value <= _MOST for value in (*values.values(), first, scope, careful)):
        raise UnreadableModel(f"{path}: thresholds are between 0 and {_MOST:g}")
    digest = hashlib.sha256(json.dumps([values, first, scope, careful]).encode()).hexdigest()
    return Thresholds(
        f"{_named(str(given['version']))}-{digest[:8]}", values, first, scope, careful
    )


def _fast_arrays(fast: FastWeights) -> dict[str, NDArray[Any]]:
    scales = np.maximum(np.abs(fast.weights).max(axis=1), np.float32(1e-12)) / np.float32(127)
    return {
        "terms": np.frombuffer("\n".join(fast.terms).encode(), dtype=np.uint8),
        "idf": fast.idf,
        "weights": np.round(fast.weights / scales[:, None]).astype(np.int8),
        "scales": scales,
        "bias": fast.bias,
    }


def _judgement_arrays(judgement: Judgement) -> dict[str, NDArray[Any]]:
    return {f"judge_{name}": getattr(judgement, name) for name in ("fast", "careful", "offset")}


def _fast_from(
    arrays: Mapping[str, NDArray[Any]], columns: int, folder: Path
) -> tuple[FastWeights, Judgement]:
    path = folder / _FAST
    terms = tuple(_decoded(_array(arrays, "terms", path).tobytes(), path).split("\n"))
    scaled = _array(arrays, "weights", path, (len(terms), columns)).astype(np.float32, order="C")
    scaled *= _array(arrays, "scales", path, (len(terms),))[:, None]
    fast = FastWeights(
        terms=terms,
        idf=_array(arrays, "idf", path, (len(terms),)),
        weights=scaled,
        bias=_array(arrays, "bias", path, (columns,)),
    )
    return fast, _judgement_from(arrays, columns, path)


def _careful_from(
    arrays: Mapping[str, NDArray[Any]], files: Mapping[str, bytes], columns: int, folder: Path
) -> tuple[CarefulWeights, Judgement]:
    path = folder / _CAREFUL
    if _TOKENIZER not in files:
        raise UnreadableModel(f"{folder} has an encoder and no {_TOKENIZER}; train it again")
    weights = _array(arrays, "weights", path)
    careful = CarefulWeights(
        encoder=files[_ENCODER],
        tokenizer=_decoded(files[_TOKENIZER], folder / _TOKENIZER),
        weights=_array(arrays, "weights", path, (len(weights), columns)),
        bias=_array(arrays, "bias", path, (columns,)),
    )
    return careful, _judgement_from(arrays, columns, path)


def _judgement_from(arrays: Mapping[str, NDArray[Any]], columns: int, path: Path) -> Judgement:
    return Judgement(
        *(
            _array(arrays, f"judge_{name}", path, (columns,))
            for name in ("fast", "careful", "offset")
        )
    )


def _array(
    arrays: Mapping[str, NDArray[Any]], name: str, path: Path, shape: tuple[int, ...] | None = None
) -> NDArray[Any]:
    if name not in arrays:
        raise UnreadableModel(f"{path} is not a model of format {FORMAT}: it has no {name}")
    array = arrays[name]
    if shape is not None and array.shape != shape:
        raise UnreadableModel(f"{path}: {name} has the shape {array.shape}, not {shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UnreadableModel(f"{path}: {name} is not finite")
    return array


def _decoded(payload: bytes, path: Path) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise UnreadableModel(f"{path} is not UTF-8: {error}") from error


def _packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _arrays(path: Path, payload: bytes) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, TypeError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise UnreadableModel(f"{path} is not a model of format {FORMAT}: {error}") from error


def _digest(hashes: Mapping[str, str], areas: Iterable[str], departments: Iterable[str]) -> str:
    facts = [dict(hashes), list(areas), list(departments)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]


def _named(version: str) -> str:
    """A version without the digits of a hash that reading adds."""
    return _DIGITS.sub("", version)


def _checked(path: Path, expected: str) -> bytes:
    payload = _read(path)
    if hashlib.sha256(payload).hexdigest() != expected:
        raise UnreadableModel(f"{path} has another SHA-256 than {_METADATA} says; train it again")
    return payload


def _read_json(path: Path, needed: Iterable[str]) -> dict[str, Any]:
    payload = _read(path)
    try:
        read = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise UnreadableModel(f"{path} is not JSON: {error}") from error
    if not isinstance(read, dict):
        raise UnreadableModel(f"{path} does not describe a model of format {FORMAT}")
    missing = sorted(set(needed) - read.keys())
    if missing:
        raise UnreadableModel(f"{path} lacks {', '.join(missing)}")
    return read


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise UnreadableModel(f"{path} is larger than {_MAX_FILE_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror
        raise UnreadableModel(f"{path} cannot be read ({reason}); run make train") from error
