"""Trains the shipped model: `python -m services.classifier.training [FOLDER OF DATA]`."""

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from services.classifier.evaluation.measures import table
from services.classifier.evaluation.measuring import read_all, scores_of
from services.classifier.evaluation.sets import read_sets
from services.classifier.model import UnreadableModel
from services.classifier.model_files import SHIPPED, load_model, save_model
from services.classifier.training.calibrating import Readers
from services.classifier.training.corpus import MissingData, data_folder, read_corpus
from services.classifier.training.frame import current_frame
from services.classifier.training.recipe import QUICK, Recipe
from services.classifier.training.run import FineTune, train

TOLERANCE = 0.02

_CHECKPOINTS = Path("var/training")


def main() -> int:
    """Trains, scores and writes the artifact; exits 2 when the data is missing."""
    arguments = _arguments()
    try:
        corpus = read_corpus(data_folder(arguments.data))
    except MissingData as error:
        print(f"make train: {error}", file=sys.stderr)
        return 2
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:7.1f} s  {line}", flush=True)

    recipe = QUICK if arguments.quick else Recipe()
    answering = tuple(sorted({question.department for question in corpus.questions}))
    frame = current_frame(answering, datetime.now(UTC).date())
    before = _shipped_scores()
    model, calibration = train(corpus, recipe, frame, say, _fine_tune(arguments, recipe))
    say("scoring")
    sets = read_sets(corpus, recipe)
    careful = Readers(model.fast, model.careful).reader()
    scores = scores_of(read_all(model, careful, calibration, sets, frame, recipe), sets)
    save_model(replace(model, metadata={**model.metadata, "scores": scores}), arguments.out)
    written = load_model(arguments.out)
    size = sum(path.stat().st_size for path in arguments.out.iterdir())
    print(table(scores))
    if not arguments.quick:
        _compare(before, scores)
    say(f"wrote {written.version}: {size / 1e6:.1f} MB in {arguments.out}")
    return 0


def _shipped_scores() -> Mapping[str, Mapping[str, Any]]:
    """The scores that the shipped model carries; none where it cannot be read."""
    try:
        found: Mapping[str, Mapping[str, Any]] = load_model().metadata.get("scores", {})
    except UnreadableModel:
        return {}
    return found


def _compare(before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints how far each share is from that of the model that shipped, and what is tolerated."""
    if not before:
        return
    print(f"Against the model that shipped; a run of the same recipe stays within {TOLERANCE}:")
    for name, figures in now.items():
        for figure, value in figures.items():
            old = before.get(name, {}).get(figure)
            if isinstance(value, list) and isinstance(old, list):
                apart = value[0] - old[0]
                mark = "" if abs(apart) <= TOLERANCE else "  beyond the tolerance"
                print(f"  {name} {figure}: {apart:+.3f}{mark}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the classifier's model.")
    parser.add_argument("data", nargs="*", help="folder of the data; also FRONTLINE_TRAINING_DATA")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="folder of the artifact")
    parser.add_argument("--quick", action="store_true", help="the whole way on a sample")
    parser.add_argument("--fast-alone", action="store_true", help="train no careful reader")
    return parser.parse_args()


def _fine_tune(arguments: argparse.Namespace, recipe: Recipe) -> FineTune | None:
    if arguments.fast_alone:
        return None
    # torch is heavy: only a run that fine-tunes waits for it
    from services.classifier.training.encoding import fine_tune

    return partial(fine_tune, recipe=recipe.encoder, checkpoints=_CHECKPOINTS / recipe.name)


if __name__ == "__main__":
    sys.exit(main())
