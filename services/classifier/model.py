"""What a trained model is made of: two readers, how their scores are judged, and thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class UnreadableModel(ValueError):  # noqa: N818 - named for what it says of the artifact
    """The artifact cannot be used; the message says which file, what is wrong and what to do."""


@dataclass(frozen=True, eq=False)
class FastWeights:
    """A linear model of terms: `terms` in the order of the rows of `weights`.

    `weights` is (terms, columns) and `bias` (columns,). Columns are those of `Model.columns`.
    """

    terms: tuple[str, ...]
    idf: Floats
    weights: Floats
    bias: Floats


@dataclass(frozen=True, eq=False)
class CarefulWeights:
    """A sentence encoder (ONNX) with its tokenizer (JSON), and linear heads on its mean state.

    `weights` is (states, columns) and `bias` (columns,). Columns are those of `Model.columns`.
    """

    encoder: bytes
    tokenizer: str
    weights: Floats
    bias: Floats


@dataclass(frozen=True, eq=False)
class Judgement:
    """How raw scores become log-odds: `fast` * score + `careful` * score + `offset`, by column.

    Areas and the scope are log-odds of their own; departments are softmax-ed together.
    """

    fast: Floats
    careful: Floats
    offset: Floats

    def judge(self, fast: Floats, careful: Floats | None = None) -> Floats:
        """Log-odds (texts, columns) from the scores of one reader or of both."""
        judged: Floats = self.fast * fast + self.offset
        return judged if careful is None else judged + self.careful * careful


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which probability what is said; `version` goes with every tag.

    An area is tagged from its own threshold on, the first area already from `first_at` on. From
    `out_of_scope_at` on a text is out of scope. A text is read carefully while the fast reader's
    sureness of it is below `careful_below`, and where it is long: 0 for never, above 1 for always.
    """

    version: str
    areas: Mapping[str, float]
    first_at: float
    out_of_scope_at: float
    careful_below: float


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model. Columns of scores: the areas, the departments, then "out of scope".

    `alone` judges the fast reader's scores, `together` those of both readers; a model without a
    careful reader has neither `careful` nor `together`.
    """

    areas: tuple[str, ...]
    departments: tuple[str, ...]
    fast: FastWeights
    alone: Judgement
    careful: CarefulWeights | None
    together: Judgement | None
    thresholds: Thresholds
    version: str
    vocabulary_version: str
    metadata: Mapping[str, Any]

    @property
    def columns(self) -> int:
        """The number of columns of scores, weights and judgements."""
        return len(self.areas) + len(self.departments) + 1
