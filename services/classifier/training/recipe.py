"""The choices of a training run; the same recipe and data give the same scores."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StageRecipe:
    """One stage of fine-tuning: how often each example comes, and how fast is learnt."""

    rounds: int
    rate: float
    rate_of_heads: float


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """How the sentence encoder is fine-tuned; weights are relative to a department's loss.

    `balance` is the power by which rare departments count more: 0 not at all, 1 in full.
    """

    seed: int = 20
    batch: int = 48
    balance: float = 0.3
    weight_of_areas: float = 20.0
    weight_of_scope: float = 0.5
    checkpoint_every: int = 200
    stages: tuple[StageRecipe, ...] = (
        StageRecipe(rounds=1, rate=1e-4, rate_of_heads=2e-3),
        StageRecipe(rounds=6, rate=8e-5, rate_of_heads=1e-3),
    )


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a run may choose. Weights are relative to one written question.

    Questions from `split_month` on are never learnt from: the first half of them calibrates, the
    second is for scores. One own text in `own_texts_held_out` calibrates too.
    """

    name: str = "readers-1"
    seed: int = 20
    split_month: str = "2026-02"
    own_texts_held_out: int = 9
    most_questions: int = 50_000
    questions_again: int = 4_000
    every_own_text: int = 1
    min_times: int = 3
    regularisation: float = 0.2
    area_positive_weight: float = 3.0
    own_text_weight: float = 5.0
    keyword_weight: float = 1.0
    keywords_together: int = 8
    keyword_rounds: int = 6
    threshold_prior: float = 12.0
    own_text_weight_when_tuning: float = 2.0
    thresholds_name: str = "1"
    clear_without_area: float = 0.01
    clear_out_of_scope: float = 0.01
    careful_below: float = 0.8
    encoder: EncoderRecipe = field(default_factory=EncoderRecipe)


# The whole way in a few minutes: what comes out is no model to use.
QUICK = Recipe(
    name="quick-1",
    most_questions=2_000,
    questions_again=200,
    every_own_text=8,
    encoder=EncoderRecipe(
        stages=(
            StageRecipe(rounds=1, rate=1e-4, rate_of_heads=2e-3),
            StageRecipe(rounds=1, rate=6e-5, rate_of_heads=1e-3),
        )
    ),
)
