"""Exports a fine-tuned encoder to ONNX with int8 weights. Needs torch and onnx."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn

from services.classifier.model import CarefulWeights


class _States(nn.Module):  # type: ignore[misc]
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> Any:
        return self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state


def export(encoder: Any, heads: Any, tokenizer: Any) -> CarefulWeights:
    """The encoder with int8 weights, and the heads, which apply to its states word by word."""
    encoder.eval()
    encoder.set_attn_implementation("eager")
    sample = torch.ones(1, 16, dtype=torch.long)
    axes = {name: {0: "texts", 1: "tokens"} for name in ("ids", "mask", "states")}
    with tempfile.TemporaryDirectory() as folder:
        exact, small = Path(folder) / "exact.onnx", Path(folder) / "small.onnx"
        torch.onnx.export(
            _States(encoder),
            (sample, sample),
            str(exact),
            input_names=["ids", "mask"],
            output_names=["states"],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
        quantize_dynamic(exact, small, weight_type=QuantType.QInt8, per_channel=True)
        written = small.read_bytes()
    return CarefulWeights(
        encoder=written,
        tokenizer=str(tokenizer.backend_tokenizer.to_str()),
        weights=heads.weight.detach().numpy().T.astype(np.float32).copy(),
        bias=heads.bias.detach().numpy().astype(np.float32).copy(),
    )
