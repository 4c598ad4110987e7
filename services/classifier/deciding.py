"""Decides from probabilities and thresholds what a text is tagged with, or why it is not."""

from collections.abc import Sequence

import numpy as np

from schemas.tagging import Abstention, AreaTag, Tagging
from services.classifier.judging import sigmoid
from services.classifier.model import Thresholds

MAX_AREAS = 5


def decide(
    areas: Sequence[str],
    probabilities: Sequence[float],
    out_of_scope: float,
    thresholds: Thresholds,
) -> tuple[list[int], Abstention | None]:
    """The places in `areas` that are tagged, most probable first, or why a read text has none."""
    if out_of_scope >= thresholds.out_of_scope_at:
        return [], Abstention.OUT_OF_SCOPE
    over = areas_over(areas, probabilities, thresholds)
    return over, None if over else Abstention.NO_AREA


def areas_over(
    areas: Sequence[str], probabilities: Sequence[float], thresholds: Thresholds
) -> list[int]:
    """The places in `areas` that are tagged, most probable first; none where none is sure."""
    best = sorted(range(len(areas)), key=lambda at: -probabilities[at])[:MAX_AREAS]
    over = [at for at in best if probabilities[at] >= thresholds.areas[areas[at]]]
    if best[0] not in over and (over or probabilities[best[0]] >= thresholds.first_at):
        return [best[0], *over][:MAX_AREAS]  # nothing less probable stands without the first
    return over


def retag(tagging: Tagging, areas: Sequence[str], thresholds: Thresholds) -> Tagging:
    """The same reading of a text under other thresholds, from the scores that the tag keeps.

    `areas` is the vocabulary that the tag names, in its order. An abstention of language or
    shortness stays as it is; an area that was not tagged before has no reasons.
    """
    if tagging.scores is None:
        raise ValueError("the tag keeps no scores: it is older than they are; read the text again")
    if tagging.abstained in (Abstention.LANGUAGE, Abstention.TOO_SHORT):
        return tagging.model_copy(update={"threshold_version": thresholds.version})
    *of_areas, out_of_scope = sigmoid(np.array(tagging.scores)).round(4).tolist()
    tagged, abstained = decide(areas, of_areas, out_of_scope, thresholds)
    tags = {tag.area: tag for tag in tagging.areas}
    chosen = tuple(
        tags.get(areas[at], AreaTag(area=areas[at], probability=of_areas[at])) for at in tagged
    )
    return tagging.model_copy(
        update={
            "areas": chosen,
            "abstained": abstained,
            "threshold_version": thresholds.version,
        }
    )
