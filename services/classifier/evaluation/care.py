"""What careful reading is worth: how right the pipeline is by how many texts are read carefully."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.classifier.evaluation.measures import of_areas, of_departments
from services.classifier.evaluation.measuring import Reading, read_texts
from services.classifier.evaluation.sets import Sets
from services.classifier.model import Model
from services.classifier.reading import PassageReader
from services.classifier.tagging import Tagger
from services.classifier.training.frame import Frame

BOUNDS = (0.0, 0.45, 0.6, 0.7, 0.8, 0.9, 1.01)
_MOST_QUESTIONS = 1_000


@dataclass(frozen=True, slots=True)
class Care:
    """At one bound: the share of each set that is read carefully, and how right it then is.

    `right` names a figure and gives (share read carefully, share right).
    """

    below: float
    right: Mapping[str, tuple[float, float]]


def worth_of_care(
    model: Model, careful: PassageReader | None, sets: Sets, frame: Frame
) -> list[Care]:
    """Reads petitions, questions and observations at every bound; nothing is refitted."""
    petitions = [each for each in sets.petitions if each.served]
    questions = sets.questions[-_MOST_QUESTIONS:]
    found = []
    for below in BOUNDS:
        bounded = replace(model, thresholds=replace(model.thresholds, careful_below=below))
        tagger = Tagger(bounded, frame.rules, careful)
        asked = read_texts(tagger, [each.text for each in petitions], frame)
        answered = read_texts(tagger, [each.text for each in questions], frame)
        seen = read_texts(tagger, [each.text for each in sets.observations], frame)
        areas = of_areas(seen.taggings, sets.observations)
        found.append(
            Care(
                below,
                {
                    "petitions, first department": _right(
                        asked, [each.departments for each in petitions]
                    ),
                    "questions, first department": _right(
                        answered, [(each.department,) for each in questions]
                    ),
                    "observations, first department": _right(
                        seen, [each.departments for each in sets.observations]
                    ),
                    "observations, first area": (
                        _carefully(seen),
                        areas["first_right_or_acceptable"][0],
                    ),
                },
            )
        )
    return found


def _right(reading: Reading, answers: Sequence[Sequence[str]]) -> tuple[float, float]:
    return _carefully(reading), of_departments(reading.taggings, answers)["first_right"][0]


def _carefully(reading: Reading) -> float:
    taggings = reading.taggings
    return sum(tagging.reader == "careful" for tagging in taggings) / len(taggings)
