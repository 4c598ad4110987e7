"""Spoilt models: one that no process can load, and one that loads and fails on every text."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from services.classifier.model_files import SHIPPED, load_model, save_model


def corrupt_model(folder: Path) -> Path:
    """The shipped model with one byte changed, as a broken copy leaves it."""
    shutil.copytree(SHIPPED, folder)
    file = folder / "fast.npz"
    payload = bytearray(file.read_bytes())
    payload[len(payload) // 2] ^= 0xFF
    file.write_bytes(payload)
    return folder


def failing_model(folder: Path) -> Path:
    """A model whose files are sound and whose scores overflow, as bad training leaves it."""
    model = load_model()
    fast = replace(model.fast, bias=np.full_like(model.fast.bias, 3e38))
    alone = replace(model.alone, fast=np.full_like(model.alone.fast, 10.0))
    overflowing = replace(
        model, fast=fast, alone=alone, careful=None, together=None, version="overflowing"
    )
    save_model(overflowing, folder)
    return folder
