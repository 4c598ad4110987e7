"""Trains the shipped model: `python -m services.classifier.training [FOLDER OF DATA]`."""

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from schemas.departments import load_departments
from schemas.policy_areas import load_policy_areas
from services.classifier.model import SHIPPED, load_model, save_model
from services.classifier.training.corpus import MissingData, read_corpus
from services.classifier.training.recipe import Recipe
from services.classifier.training.run import Training
from services.classifier.training.scores import table
from services.routing.rulebook import load_rules

_DEFAULT_DATA = "../shared/data"


def main() -> int:
    """Trains, writes the artifact and prints its scores; exits 2 when the data is missing."""
    parser = argparse.ArgumentParser(description="Train the classifier's model.")
    parser.add_argument(
        "data",
        nargs="?",
        type=Path,
        default=Path(os.environ.get("FRONTLINE_TRAINING_DATA", _DEFAULT_DATA)),
        help=f"folder of the data; also FRONTLINE_TRAINING_DATA; otherwise {_DEFAULT_DATA}",
    )
    parser.add_argument("--out", type=Path, default=SHIPPED, help="folder of the artifact")
    arguments = parser.parse_args()
    try:
        corpus = read_corpus(arguments.data)
    except MissingData as error:
        print(f"make train: {error}", file=sys.stderr)
        return 2
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {line}", flush=True)

    training = Training(
        corpus=corpus,
        recipe=Recipe(),
        vocabulary=load_policy_areas(),
        departments=load_departments(),
        rules=load_rules(),
        on=datetime.now(UTC).date(),
    )
    save_model(training.train(say), arguments.out)
    model = load_model(arguments.out)
    size = sum(path.stat().st_size for path in arguments.out.iterdir())
    say(f"wrote {model.version}: {len(model.terms)} terms, {size / 1e6:.1f} MB")
    print(table(model.metadata["scores"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
