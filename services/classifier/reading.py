"""What the careful reader sees in a passage, and what a text's passages are worth together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.classifier.model import Floats


@dataclass(frozen=True, slots=True)
class ReadPassage:
    """What was read in one passage.

    `scores` is (columns,). `parts` is (tokens, columns): what each token brought to the scores,
    which are their mean and the bias. `spans` is (tokens, 2): each token's characters in the
    cleaned passage, empty for the encoder's own marks.
    """

    scores: Floats
    parts: Floats
    spans: NDArray[np.int64]


class PassageReader(Protocol):
    """The careful reader, as far as tagging needs it."""

    def read(self, passages: Sequence[str]) -> list[ReadPassage]:
        """Reads the cleaned passages of one text."""


def whole_of(passages: Sequence[ReadPassage]) -> Floats:
    """The scores (columns,) of a text from its passages, each by its length."""
    lengths = np.array([len(each.parts) for each in passages], dtype=np.float32)
    scores: Floats = (lengths @ np.stack([each.scores for each in passages])) / lengths.sum()
    return scores
