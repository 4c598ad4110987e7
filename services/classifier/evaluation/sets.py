"""The development sets: petitions, later questions, and texts written for evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.classifier.training.corpus import (
    Corpus,
    OwnText,
    Petition,
    Question,
    read_own_texts,
)
from services.classifier.training.recipe import Recipe
from services.classifier.training.run import split

_TEXTS = Path(__file__).parent / "texts"
_MOST_QUESTIONS = 2_000


@dataclass(frozen=True, eq=False)
class Sets:
    """What a model is measured on; nothing here is learnt from, petitions are calibrated on."""

    petitions: Sequence[Petition]
    questions: Sequence[Question]
    observations: Sequence[OwnText]
    patients: Sequence[OwnText]
    out_of_scope: Sequence[OwnText]
    welsh: Sequence[OwnText]
    twins: Sequence[OwnText]


def read_sets(corpus: Corpus, recipe: Recipe) -> Sets:
    """The sets: petitions and questions of the corpus, the others from their files."""
    by_register: dict[str, list[OwnText]] = {}
    for text in read_own_texts("evaluation", _TEXTS):
        by_register.setdefault(text.register, []).append(text)
    return Sets(
        petitions=corpus.petitions,
        questions=split(corpus, recipe).to_score[-_MOST_QUESTIONS:],
        observations=by_register["observations"],
        patients=by_register["patients"],
        out_of_scope=by_register["out_of_scope"],
        welsh=by_register["welsh"],
        twins=by_register["twins"],
    )
