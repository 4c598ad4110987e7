"""Lets a model read the development sets and measures what it and routing make of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from schemas.departments import HUB
from schemas.feedback import Kind, Submission
from schemas.routing import Role
from schemas.tagging import Tagging
from services.classifier.evaluation.measures import (
    of_abstentions,
    of_areas,
    of_chosen,
    of_departments,
    of_twins,
)
from services.classifier.evaluation.sets import Sets
from services.classifier.model import Model
from services.classifier.reading import PassageReader
from services.classifier.tagging import Tagger
from services.classifier.training.calibrating import Calibration, Readers, calibrated, folds
from services.classifier.training.corpus import Petition
from services.classifier.training.frame import Frame
from services.classifier.training.recipe import Recipe
from services.routing.rules import choose_departments


@dataclass(frozen=True, eq=False)
class Reading:
    """What a model and routing made of texts: tags, the departments chosen, those leading."""

    taggings: Sequence[Tagging]
    chosen: Sequence[Sequence[str]]
    leads: Sequence[Sequence[str]]


@dataclass(frozen=True, eq=False)
class Readings:
    """The readings of every set; those of petitions are cross-validated."""

    petitions: Reading
    questions: Reading
    observations: Reading
    patients: Reading
    out_of_scope: Reading
    welsh: Reading
    half_welsh: Reading
    twins: Reading


def read_all(
    model: Model,
    careful: PassageReader | None,
    calibration: Calibration,
    sets: Sets,
    frame: Frame,
    recipe: Recipe,
) -> Readings:
    """Reads every set; each petition by a model that was calibrated without it."""

    def read(texts: Sequence[str]) -> Reading:
        return read_texts(Tagger(model, frame.rules, careful), texts, frame)

    return Readings(
        petitions=_cross_validated(model, careful, calibration, sets.petitions, frame, recipe),
        questions=read([each.text for each in sets.questions]),
        observations=read([each.text for each in sets.observations]),
        patients=read([each.text for each in sets.patients]),
        out_of_scope=read([each.text for each in sets.out_of_scope]),
        welsh=read([each.text for each in sets.welsh if not each.areas]),
        half_welsh=read([each.text for each in sets.welsh if each.areas]),
        twins=read([each.text for each in sets.twins]),
    )


def read_texts(tagger: Tagger, texts: Sequence[str], frame: Frame) -> Reading:
    """Tags texts and chooses their departments as the pipeline does."""
    taggings = tagger.tag_many(texts)
    chosen = [
        choose_departments(
            tagging,
            Submission.model_construct(kind=Kind.OBSERVATION, text=text, about=None, place=None),
            frame.rules,
            frame.departments,
            on=frame.on,
        )
        for text, tagging in zip(texts, taggings, strict=True)
    ]
    return Reading(
        taggings,
        [[each.department for each in one] for one in chosen],
        [[each.department for each in one if each.role is Role.LEAD] for one in chosen],
    )


def scores_of(readings: Readings, sets: Sets) -> dict[str, dict[str, Any]]:
    """Every figure by set; values are [value, low, high] of a 95 % interval."""
    petitions, own = readings.petitions, sets.observations
    labelled = [at for at, each in enumerate(sets.petitions) if each.areas]
    served = [each.departments if each.served else () for each in sets.petitions]
    clear = readings.observations
    return {
        "petitions_departments": of_departments(petitions.taggings, served),
        "petitions_routing": of_chosen(petitions.chosen, petitions.leads, served),
        "petitions_areas": of_areas(
            [petitions.taggings[at] for at in labelled], [sets.petitions[at] for at in labelled]
        ),
        "later_questions_departments": of_departments(
            readings.questions.taggings, [(each.department,) for each in sets.questions]
        ),
        "observations_departments": of_departments(
            clear.taggings, [each.departments for each in own]
        ),
        "observations_routing": of_chosen(
            clear.chosen, clear.leads, [each.departments for each in own]
        ),
        "observations_areas": of_areas(clear.taggings, own),
        "patients_departments": of_departments(
            readings.patients.taggings, [each.departments for each in sets.patients]
        ),
        "patients_areas": of_areas(readings.patients.taggings, sets.patients),
        "out_of_scope": of_abstentions(
            readings.out_of_scope.taggings, readings.out_of_scope.leads, HUB
        ),
        "welsh": of_abstentions(readings.welsh.taggings, readings.welsh.leads, HUB),
        "half_welsh": of_abstentions(readings.half_welsh.taggings, readings.half_welsh.leads, HUB),
        "stance_twins": of_twins(readings.twins.taggings, readings.twins.leads),
    }


def _cross_validated(
    model: Model,
    careful: PassageReader | None,
    calibration: Calibration,
    petitions: Sequence[Petition],
    frame: Frame,
    recipe: Recipe,
) -> Reading:
    """Reads each petition by judgements and thresholds that were fitted without its fold.

    The readers themselves never learn from petitions.
    """
    readers = Readers(model.fast, model.careful)
    taggings: dict[int, Tagging] = {}
    chosen: dict[int, Sequence[str]] = {}
    leads: dict[int, Sequence[str]] = {}
    for rows in folds(len(petitions)):
        refitted = calibrated(readers, calibration.without(rows), frame, recipe)
        tagger = Tagger(refitted, frame.rules, careful)
        read = read_texts(tagger, [petitions[row].text for row in rows], frame)
        taggings |= dict(zip(rows, read.taggings, strict=True))
        chosen |= dict(zip(rows, read.chosen, strict=True))
        leads |= dict(zip(rows, read.leads, strict=True))
    order = range(len(petitions))
    return Reading(
        [taggings[at] for at in order], [chosen[at] for at in order], [leads[at] for at in order]
    )
