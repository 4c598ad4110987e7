"""Loads a model from its folder, ready to tag."""

from dataclasses import replace
from pathlib import Path

from services.classifier.careful import CarefulReader
from services.classifier.model_files import SHIPPED, load_model, load_thresholds
from services.classifier.tagging import Tagger
from services.routing.rulebook import load_rules


def load_tagger(
    folder: Path | None = None,
    *,
    thresholds: Path | None = None,
    fast_alone: bool = False,
    careful_below: float | None = None,
) -> Tagger:
    """A tagger of the model in `folder`, by default the one that ships; `UnreadableModel`.

    `thresholds` is a file that takes the place of the model's own. `fast_alone` leaves the careful
    reader out: less right, some twenty times as fast. `careful_below` takes the place of the
    threshold of that name.
    """
    model = load_model(folder or SHIPPED)
    if thresholds is not None:
        model = replace(model, thresholds=load_thresholds(thresholds, model.areas))
    if careful_below is not None:
        bounded = replace(model.thresholds, careful_below=careful_below)
        model = replace(model, thresholds=bounded)
    careful = None
    if model.careful is not None and not fast_alone:
        careful = CarefulReader(model.careful)
    return Tagger(model, load_rules(), careful)
