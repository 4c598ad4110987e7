"""What the figures of an evaluation mean: each from its texts, with its 95 % interval."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.tagging import Tagging
from services.classifier.training import thresholds as training

Answers = Sequence[Sequence[str]]
Values = NDArray[np.float64]

_DRAWS = 1_000
_SEED = 20


class Labelled(training.Labelled, Protocol):
    """A text with its right areas, the main one first, and acceptable ones."""

    @property
    def primary(self) -> str | None: ...  # noqa: D102 - named by the class


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with the bounds between which 95 % of draws with replacement lie."""

    value: float
    low: float
    high: float

    def as_json(self) -> list[float]:
        """Value, low, high."""
        return [self.value, self.low, self.high]


def estimate(rows: Values, figure: Callable[[Values], float]) -> Figure:
    """The figure over all rows (one for each text), and over draws of them."""
    if not len(rows):
        return Figure(0.0, 0.0, 0.0)
    draw = np.random.default_rng(_SEED)
    drawn = [figure(rows[draw.integers(len(rows), size=len(rows))]) for _ in range(_DRAWS)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Figure(round(figure(rows), 4), round(float(low), 4), round(float(high), 4))


def share(hits: Sequence[bool]) -> Figure:
    """The share of texts that hit."""
    return estimate(np.array(hits, dtype=np.float64), _mean)


def of_departments(taggings: Sequence[Tagging], right: Answers) -> dict[str, Any]:
    """First guess right, within three, mean recall per department, and the calibration error.

    `right` gives every acceptable department of each text; texts without any are left out. Recall
    counts a text for the first of its departments.
    """
    pairs = [
        (tagging.department_candidates, answer)
        for tagging, answer in zip(taggings, right, strict=True)
        if answer
    ]
    first = [ranked[0].department in answer for ranked, answer in pairs]
    three = [any(each.department in answer for each in ranked[:3]) for ranked, answer in pairs]
    codes = sorted({answer[0] for _, answer in pairs})
    owner = [codes.index(answer[0]) for _, answer in pairs]
    return {
        "texts": len(pairs),
        "first_right": share(first).as_json(),
        "within_three": share(three).as_json(),
        "mean_recall": estimate(
            np.column_stack([owner, first]).astype(np.float64), _mean_recall
        ).as_json(),
        "calibration_error": calibration_error(
            [ranked[0].probability for ranked, _ in pairs], first
        ),
    }


def of_chosen(chosen: Answers, leads: Answers, right: Answers) -> dict[str, Any]:
    """What routing does: whether a right department leads first, leads, or gets the item at all."""
    rows = [row for row in zip(chosen, leads, right, strict=True) if row[2]]
    return {
        "texts": len(rows),
        "first_lead_right": share([led[0] in answer for _, led, answer in rows]).as_json(),
        "a_lead_right": share([bool(set(led) & set(answer)) for _, led, answer in rows]).as_json(),
        "got_it": share([bool(set(got) & set(answer)) for got, _, answer in rows]).as_json(),
        "departments_per_text": round(float(np.mean([len(got) for got, _, _ in rows])), 2),
    }


def of_areas(taggings: Sequence[Tagging], labelled: Sequence[Labelled]) -> dict[str, Any]:
    """Areas against labels: first guess, primary within three, micro-F1 of the tagged set.

    `micro_f1` counts an acceptable area as wrong; `micro_f1_fair` leaves it out. The calibration
    error is that of the first area being right or acceptable.
    """
    ranked = [[each.area for each in tagging.candidates] for tagging in taggings]
    tagged = [{each.area for each in tagging.areas} for tagging in taggings]
    pairs = list(zip(ranked, labelled, strict=True))
    first = [areas[0] in (*each.areas, *each.acceptable) for areas, each in pairs]
    return {
        "texts": len(labelled),
        "first_right_or_acceptable": share(first).as_json(),
        "first_right": share([areas[0] in each.areas for areas, each in pairs]).as_json(),
        "primary_within_three": share(
            [each.primary in areas[:3] for areas, each in pairs]
        ).as_json(),
        "micro_f1": _f1_of(tagged, labelled, fair=False).as_json(),
        "micro_f1_fair": _f1_of(tagged, labelled, fair=True).as_json(),
        "abstained": share([tagging.abstained is not None for tagging in taggings]).as_json(),
        "read_carefully": share([tagging.reader == "careful" for tagging in taggings]).as_json(),
        "calibration_error": calibration_error(
            [tagging.candidates[0].probability for tagging in taggings], first
        ),
    }


def of_abstentions(taggings: Sequence[Tagging], leads: Answers, hub: str) -> dict[str, Any]:
    """How many texts are abstained from, by reason, and how many go to the hub first."""
    reasons = sorted({tagging.abstained for tagging in taggings if tagging.abstained})
    return {
        "texts": len(taggings),
        "abstained": share([tagging.abstained is not None for tagging in taggings]).as_json(),
        "to_the_hub": share([led[:1] == [hub] for led in map(list, leads)]).as_json(),
        "reasons": {
            reason.value: sum(tagging.abstained is reason for tagging in taggings)
            for reason in reasons
        },
    }


def of_twins(taggings: Sequence[Tagging], leads: Answers) -> dict[str, Any]:
    """Whether two tellings of the same facts, one after the other, are tagged and led alike."""
    pairs = list(zip(taggings[::2], taggings[1::2], strict=True))
    tagged = [({a.area for a in one.areas}, {a.area for a in two.areas}) for one, two in pairs]
    led = list(zip(leads[::2], leads[1::2], strict=True))
    return {
        "pairs": len(pairs),
        "same_first_area": share(
            [one.candidates[0].area == two.candidates[0].area for one, two in pairs]
        ).as_json(),
        "same_areas": share([one == two for one, two in tagged]).as_json(),
        "overlap_of_areas": estimate(
            np.array([len(one & two) / max(1, len(one | two)) for one, two in tagged]), _mean
        ).as_json(),
        "same_first_lead": share([one[:1] == two[:1] for one, two in led]).as_json(),
        "same_departments": share([set(one) == set(two) for one, two in led]).as_json(),
    }


def reliability(
    probabilities: Sequence[float], right: Sequence[bool], bins: int = 10
) -> list[dict[str, float]]:
    """A table: for each tenth of probability, how many texts, how sure and how often right."""
    given, true = np.array(probabilities), np.array(right, dtype=float)
    bin_of = np.minimum((given * bins).astype(int), bins - 1)
    return [
        {
            "from": each / bins,
            "texts": int((bin_of == each).sum()),
            "sure": round(float(given[bin_of == each].mean()), 4),
            "right": round(float(true[bin_of == each].mean()), 4),
        }
        for each in np.unique(bin_of).tolist()
    ]


def calibration_error(
    probabilities: Sequence[float], right: Sequence[bool], bins: int = 10
) -> float:
    """Expected calibration error over equally wide bins of probability."""
    rows = reliability(probabilities, right, bins)
    total = sum(row["texts"] for row in rows)
    return round(sum(abs(r["sure"] - r["right"]) * r["texts"] for r in rows) / max(1, total), 4)


def _f1_of(tagged: Sequence[set[str]], labelled: Sequence[Labelled], *, fair: bool) -> Figure:
    rows = []
    for areas, each in zip(tagged, labelled, strict=True):
        allowed = set(each.areas) | (set(each.acceptable) if fair else set())
        right = set(each.areas)
        rows.append((len(areas & right), len(areas - allowed), len(right - areas)))
    return estimate(np.array(rows, dtype=np.float64).reshape(-1, 3), _micro_f1)


def _micro_f1(rows: Values) -> float:
    right, wrong, missed = rows.sum(axis=0)
    return float(2 * right / max(1.0, 2 * right + wrong + missed))


def _mean_recall(rows: Values) -> float:
    owners = np.unique(rows[:, 0])
    return float(np.mean([rows[rows[:, 0] == owner, 1].mean() for owner in owners]))


def _mean(values: Values) -> float:
    return float(values.mean())


def table(scores: Mapping[str, Mapping[str, Any]]) -> str:
    """The scores as lines of text, one set of texts after the other."""
    lines = []
    for name, figures in scores.items():
        count = figures.get("texts", figures.get("pairs"))
        lines.append(f"{name} ({count} {'pairs' if 'pairs' in figures else 'texts'})")
        lines += [
            f"  {key.replace('_', ' '):<28}{shown(value)}"
            for key, value in figures.items()
            if key not in ("texts", "pairs")
        ]
    return "\n".join(lines)


def shown(value: Any) -> str:
    """A figure as a person reads it."""
    if isinstance(value, list):
        return f"{value[0]:.3f} ({value[1]:.3f} to {value[2]:.3f})"
    if isinstance(value, Mapping):
        counts = (f"{count} {key.replace('_', ' ')}" for key, count in value.items())
        return ", ".join(counts) or "none"
    return str(value)
