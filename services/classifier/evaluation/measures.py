"""Measures a model as it runs: departments and areas, on petitions and on later questions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from schemas.tagging import Tagging
from services.classifier.training.corpus import Petition

Answers = Sequence[Sequence[str]]


def score_departments(taggings: Sequence[Tagging], right: Answers) -> dict[str, Any]:
    """First guess right, within three, mean recall per department, and the calibration error.

    `right` gives every acceptable department of each text; texts whose departments the model does
    not have are left out. Recall counts a text for the first of its departments.
    """
    known = {each.department for tagging in taggings for each in tagging.department_candidates}
    pairs = [
        (tagging.department_candidates, answer)
        for tagging, answer in zip(taggings, right, strict=True)
        if known & set(answer)
    ]
    first = [ranked[0].department in answer for ranked, answer in pairs]
    three = [any(each.department in answer for each in ranked[:3]) for ranked, answer in pairs]
    per: dict[str, list[bool]] = {}
    for hit, (_, answer) in zip(first, pairs, strict=True):
        per.setdefault(answer[0], []).append(hit)
    return {
        "texts": len(pairs),
        "first_right": _share(first),
        "within_three": _share(three),
        "mean_recall": round(float(np.mean([np.mean(hits) for hits in per.values()])), 4),
        "calibration_error": calibration_error(
            [ranked[0].probability for ranked, _ in pairs], first
        ),
    }


def score_areas(taggings: Sequence[Tagging], petitions: Sequence[Petition]) -> dict[str, Any]:
    """Areas against labels: first guess, primary within three, micro-F1 of the tagged set.

    `micro_f1` counts an acceptable area as wrong; `micro_f1_fair` leaves it out.
    """
    ranked = [[each.area for each in tagging.candidates] for tagging in taggings]
    tagged = [{each.area for each in tagging.areas} for tagging in taggings]
    pairs = list(zip(ranked, petitions, strict=True))
    first = [areas[0] in (*each.areas, *each.acceptable) for areas, each in pairs]
    return {
        "texts": len(petitions),
        "first_right_or_acceptable": _share(first),
        "first_right": _share([areas[0] in each.areas for areas, each in pairs]),
        "primary_within_three": _share([each.primary in areas[:3] for areas, each in pairs]),
        "micro_f1": _micro_f1(tagged, petitions, fair=False),
        "micro_f1_fair": _micro_f1(tagged, petitions, fair=True),
        "abstained": _share([tagging.abstained is not None for tagging in taggings]),
        "calibration_error": calibration_error(
            [tagging.candidates[0].probability for tagging in taggings],
            [areas[0] in each.areas for areas, each in pairs],
        ),
    }


def score_chosen(chosen: Answers, leads: Answers, petitions: Sequence[Petition]) -> dict[str, Any]:
    """What routing would do: whether a right department leads first, or gets the item at all."""
    rows = list(zip(chosen, leads, petitions, strict=True))
    return {
        "texts": len(rows),
        "first_lead_right": _share([led[0] in each.departments for _, led, each in rows]),
        "a_lead_right": _share([bool(set(led) & set(each.departments)) for _, led, each in rows]),
        "got_it": _share([bool(set(got) & set(each.departments)) for got, _, each in rows]),
        "departments_per_text": round(float(np.mean([len(got) for got, _, _ in rows])), 2),
    }


def calibration_error(
    probabilities: Sequence[float], right: Sequence[bool], bins: int = 10
) -> float:
    """Expected calibration error over equally wide bins of probability."""
    given, true = np.array(probabilities), np.array(right, dtype=float)
    bin_of = np.minimum((given * bins).astype(int), bins - 1)
    gaps = [
        abs(given[bin_of == each].mean() - true[bin_of == each].mean()) * (bin_of == each).mean()
        for each in np.unique(bin_of)
    ]
    return round(float(sum(gaps)), 4)


def _micro_f1(tagged: Sequence[set[str]], petitions: Sequence[Petition], *, fair: bool) -> float:
    right = wrong = missed = 0
    for areas, each in zip(tagged, petitions, strict=True):
        allowed = set(each.areas) | (set(each.acceptable) if fair else set())
        right += len(areas & set(each.areas))
        wrong += len(areas - allowed)
        missed += len(set(each.areas) - areas)
    return round(2 * right / max(1, 2 * right + wrong + missed), 4)


def _share(hits: Sequence[bool]) -> float:
    return round(float(np.mean(hits)), 4) if hits else 0.0


def table(scores: Mapping[str, Mapping[str, Any]]) -> str:
    """The scores as lines of text, one set of texts after the other."""
    lines = []
    for name, figures in scores.items():
        lines.append(f"{name} ({figures['texts']} texts)")
        lines += [
            f"  {key.replace('_', ' '):<28}{value}"
            for key, value in figures.items()
            if key != "texts"
        ]
    return "\n".join(lines)
