"""The choices of a training run; the same recipe and data give the same artifact."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a run may choose. Weights are relative to one written question.

    Questions from `split_month` on are held out to calibrate and to score, then join the last fit.
    """

    name: str = "tfidf-1"
    seed: int = 20
    split_month: str = "2025-12"
    min_times: int = 3
    regularisation: float = 0.2
    area_positive_weight: float = 3.0
    own_text_weight: float = 5.0
    keyword_weight: float = 1.0
    keywords_together: int = 8
    keyword_rounds: int = 6
    threshold_prior: float = 12.0
    first_at_share: float = 0.75
