"""The careful reader: scores by a sentence encoder, passage by passage, word by word."""

from collections.abc import Sequence

import numpy as np
import onnxruntime
from threadpoolctl import threadpool_limits
from tokenizers import Tokenizer

from services.classifier.model import CarefulWeights, Floats, UnreadableModel
from services.classifier.reading import ReadPassage

MAX_TOKENS = 256
_STATES = "states"


class CarefulReader:
    """Scores cleaned passages one at a time: a passage scores the same whatever stands beside it.

    Raises `UnreadableModel` when the encoder or its tokenizer cannot be used.
    """

    def __init__(self, weights: CarefulWeights) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # for one passage a second thread costs more than it gives
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                weights.encoder, options, providers=["CPUExecutionProvider"]
            )
            self._tokenizer = Tokenizer.from_str(weights.tokenizer)
        except Exception as error:
            raise UnreadableModel(f"the careful reader cannot be loaded: {error}") from error
        # of the whole process: products as small as these only burn the other cores
        threadpool_limits(1, user_api="blas")
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._weights = weights.weights
        self._bias = weights.bias
        try:
            self._read("damp")
        except Exception as error:
            raise UnreadableModel(f"the careful reader cannot read a word: {error}") from error

    def read(self, passages: Sequence[str]) -> list[ReadPassage]:
        """Reads the cleaned passages of a text; what is longer than `MAX_TOKENS` is cut."""
        return [self._read(passage) for passage in passages]

    def _read(self, passage: str) -> ReadPassage:
        encoding = self._tokenizer.encode(passage.encode("utf-8", "replace").decode())
        ids = np.array([encoding.ids], dtype=np.int64)
        states = self._session.run([_STATES], {"ids": ids, "mask": np.ones_like(ids)})[0][0]
        parts: Floats = states @ self._weights
        return ReadPassage(
            scores=parts.mean(axis=0) + self._bias,
            parts=parts,
            spans=np.array(encoding.offsets, dtype=np.int64),
        )
