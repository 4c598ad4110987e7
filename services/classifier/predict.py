"""Shows what the pipeline would do with texts: `python -m services.classifier.predict < texts`."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from schemas.departments import Departments, load_departments
from schemas.feedback import Kind, Submission
from schemas.routing import ChosenDepartment
from schemas.tagging import Tagging
from services.classifier.loading import load_tagger
from services.classifier.model import UnreadableModel
from services.classifier.tagging import Tagger
from services.routing.rulebook import Rules, load_rules
from services.routing.rules import choose_departments

_BATCH = 256


class Observation(Submission):
    """One line of input: a submission with an id, of any text, that of no words included."""

    id: str | int
    text: str
    kind: Kind = Kind.OBSERVATION


class Predictor:
    """Tags texts and chooses their departments as the pipeline does, on a given day."""

    def __init__(self, tagger: Tagger, rules: Rules, departments: Departments, on: date) -> None:
        self._tagger = tagger
        self._rules = rules
        self._departments = departments
        self._on = on

    def predict(self, observations: Sequence[Observation]) -> list[dict[str, Any]]:
        """Gives an answer for each observation, in order, departments by their GOV.UK slugs."""
        taggings = self.tag(observations)
        return [self._answer(*each) for each in zip(observations, taggings, strict=True)]

    def tag(self, observations: Sequence[Observation]) -> list[Tagging]:
        """What observations are tagged with, in order."""
        return self._tagger.tag_many(
            [each.text for each in observations], [each.language for each in observations]
        )

    def slug(self, code: str) -> str:
        """A department's GOV.UK slug by its permanent code."""
        return self._departments.by_code(code).slug

    def choose(self, observation: Observation, tagging: Tagging) -> tuple[ChosenDepartment, ...]:
        """The departments that routing chooses for an observation with these tags."""
        return choose_departments(tagging, observation, self._rules, self._departments, on=self._on)

    def _answer(self, observation: Observation, tagging: Tagging) -> dict[str, Any]:
        chosen = self.choose(observation, tagging)
        dumped = tagging.model_dump(mode="json", exclude={"areas": {"__all__": {"passage"}}})
        return {
            "id": observation.id,
            "areas": dumped["areas"],
            "departments": [
                {
                    "department": self.slug(each.department),
                    "role": each.role.value,
                    "because": each.because,
                }
                for each in chosen
            ],
            "abstained": tagging.abstained,
            "candidates": dumped["candidates"],
            "department_candidates": [
                {"department": self.slug(each.department), "probability": each.probability}
                for each in tagging.department_candidates
            ],
            "model_version": tagging.model_version,
        }


class Lines:
    """JSON lines, in batches of observations; complains of the unreadable ones and counts them."""

    def __init__(self, lines: Iterable[bytes], complaints: TextIO) -> None:
        self._numbered = (
            (number, line) for number, line in enumerate(lines, start=1) if line.strip()
        )
        self._complaints = complaints
        self.unreadable = 0

    def batches(self, size: int) -> Iterator[list[Observation]]:
        """Yields what could be read of each `size` lines."""
        while batch := list(islice(self._numbered, size)):
            observations = []
            for number, line in batch:
                read = read_line(line)
                if isinstance(read, Observation):
                    observations.append(read)
                else:
                    self.unreadable += 1
                    self._complaints.write(f"line {number}: {read}\n")
            yield observations


def predict_lines(
    predictor: Predictor, lines: Iterable[bytes], out: TextIO, complaints: TextIO
) -> int:
    """Answers JSON lines by JSON lines; returns how many were unreadable, each complained of."""
    read = Lines(lines, complaints)
    for observations in read.batches(_BATCH):
        for answer in predictor.predict(observations):
            out.write(json.dumps(answer) + "\n")
        out.flush()
    return read.unreadable


def read_line(line: bytes) -> Observation | str:
    """Reads one line of input, or says what is wrong with it."""
    try:
        return Observation.model_validate(json.loads(line))
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)
        return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in wrong)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"


def main() -> int:
    """Reads standard input, writes standard output.

    Exits 1 when a line was unreadable, 2 when the model is.
    """
    arguments = _arguments()
    try:
        tagger = load_tagger(
            arguments.model,
            thresholds=arguments.thresholds,
            fast_alone=arguments.fast_alone,
        )
    except UnreadableModel as error:
        print(f"predict: {error}", file=sys.stderr)
        return 2
    predictor = Predictor(tagger, load_rules(), load_departments(), datetime.now(UTC).date())
    unreadable = predict_lines(predictor, sys.stdin.buffer, sys.stdout, sys.stderr)
    return 1 if unreadable else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m services.classifier.predict", description=__doc__
    )
    parser.add_argument("--model", type=Path, help="folder of another model than the shipped one")
    parser.add_argument("--thresholds", type=Path, help="file of other thresholds")
    parser.add_argument("--fast-alone", action="store_true", help="leave the careful reader out")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
