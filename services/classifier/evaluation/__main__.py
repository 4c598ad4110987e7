"""Measures the shipped model and writes its report, card and record.

`python -m services.classifier.evaluation [FOLDER OF DATA]`
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from services.classifier.evaluation.cards import write_cards
from services.classifier.evaluation.care import worth_of_care
from services.classifier.evaluation.findings import findings
from services.classifier.evaluation.measures import table
from services.classifier.evaluation.measuring import read_all, scores_of
from services.classifier.evaluation.readers import compare_readers
from services.classifier.evaluation.report import Evaluation, write_report
from services.classifier.evaluation.sets import read_sets
from services.classifier.model import Model, UnreadableModel
from services.classifier.model_files import SHIPPED, load_model
from services.classifier.training.calibrating import Readers, score_for_calibration
from services.classifier.training.corpus import Corpus, MissingData, data_folder, read_corpus
from services.classifier.training.frame import current_frame
from services.classifier.training.recipe import Recipe
from services.classifier.training.run import split

_REPORT = Path(__file__).parent / "report"


def main() -> int:
    """Prints every figure and writes the files; exits 2 when data or model are missing."""
    arguments = _arguments()
    recipe = Recipe()
    try:
        corpus = read_corpus(data_folder(arguments.data))
        model = load_model(arguments.model)
        _check_source(model, corpus, recipe)
    except (MissingData, UnreadableModel) as error:
        print(f"make evaluate: {error}", file=sys.stderr)
        return 2
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {line}", file=sys.stderr, flush=True)

    frame = current_frame(model.departments, datetime.now(UTC).date())
    parts = split(corpus, recipe)
    readers = Readers(model.fast, model.careful)
    careful = readers.reader()
    say(f"scoring what {model.version} is calibrated on")
    calibration = score_for_calibration(
        readers, corpus.petitions, parts.own_held_out, parts.to_calibrate, frame
    )
    say("reading every set, the petitions in folds")
    sets = read_sets(corpus, recipe)
    readings = read_all(model, careful, calibration, sets, frame, recipe)
    scores = scores_of(readings, sets)
    say("reading with the careful reader on fewer and more texts")
    care = worth_of_care(model, careful, sets, frame)
    say("comparing the readers")
    compared = compare_readers(readers, calibration, sets, frame)
    labelled = [at for at, each in enumerate(sets.petitions) if each.areas]
    evaluation = Evaluation(
        model=model,
        scores=scores,
        petitions=findings(
            [readings.petitions.taggings[at] for at in labelled],
            [sets.petitions[at] for at in labelled],
        ),
        observations=findings(readings.observations.taggings, sets.observations),
        care=care,
        readers=compared,
    )
    write_report(evaluation, arguments.out)
    write_cards(model, scores, arguments.out)
    print(table(scores))
    say(f"wrote the report, the card and the record to {arguments.out}")
    return 0


def _check_source(model: Model, corpus: Corpus, recipe: Recipe) -> None:
    """Refuses a model of other texts or another recipe: what it learnt from would not be known."""
    given = json.loads(json.dumps([dict(corpus.sources), asdict(recipe)]))
    if given != [model.metadata.get("training_data"), model.metadata.get("recipe")]:
        raise UnreadableModel(
            f"{model.version} was trained from other data, texts or choices than are here now; "
            "run make train, or measure it in the checkout that it comes from"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure a model on the development sets.")
    parser.add_argument("data", nargs="*", help="folder of the data; also FRONTLINE_TRAINING_DATA")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="folder of the model")
    parser.add_argument("--out", type=Path, default=_REPORT, help="folder of the report")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
