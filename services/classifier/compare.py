"""Shows what another model or other thresholds would change.

`python -m services.classifier.compare MODEL_A MODEL_B < texts.jsonl`
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from schemas.departments import load_departments
from schemas.tagging import Tagging
from services.classifier.comparing import Changes, differences
from services.classifier.deciding import retag
from services.classifier.loading import load_tagger
from services.classifier.model import Model, UnreadableModel
from services.classifier.predict import Lines, Observation, Predictor
from services.routing.rulebook import load_rules

_BATCH = 64
_SHOWN = 60


class Comparison:
    """What changes from A to B over texts: areas, departments, abstentions, with examples."""

    def __init__(self) -> None:
        self.texts = 0
        self.differing: Counter[str] = Counter()
        self.areas = Changes()
        self.departments = Changes()
        self.words: dict[str, str] = {}

    def note(self, text: Observation, old: "Predicted", new: "Predicted") -> None:
        """Takes one text as A and B read it."""
        self.texts += 1
        name = str(text.id)
        found = [*differences(old.tagging, new.tagging)]
        if old.departments != new.departments:
            found.append("departments")
        self.differing.update(found)
        self.areas.note(name, old.areas, new.areas)
        self.departments.note(name, old.departments, new.departments)
        if found:
            self.words[name] = " ".join(text.text.split())[:_SHOWN]

    def as_json(self) -> dict[str, Any]:
        """Everything, for scripts."""
        return {
            "texts": self.texts,
            "differing": self.differing,
            "areas": _rows(self.areas),
            "departments": _rows(self.departments),
        }

    def show(self, out: TextIO) -> None:
        """Everything, for people."""
        out.write(f"{self.texts} texts\n")
        for what, count in sorted(self.differing.items()):
            out.write(f"  {what.replace('_', ' '):<18}{count:>6}  {count / self.texts:.1%}\n")
        for title, changes in (("Area", self.areas), ("Department", self.departments)):
            out.write(f"\n{title:<44}{'lost':>6}{'gained':>8}{'kept':>7}\n")
            for name in changes.names():
                counts = changes.lost[name], changes.gained[name], changes.kept[name]
                out.write(f"{name:<44}{counts[0]:>6}{counts[1]:>8}{counts[2]:>7}\n")
                self._show_examples(changes, name, out)

    def _show_examples(self, changes: Changes, name: str, out: TextIO) -> None:
        for what in ("lost", "gained"):
            for text_id in changes.examples.get((what, name), ()):
                out.write(f"    {what:<7}{text_id}: {self.words.get(text_id, '')}\n")


class Predicted:
    """One text as one side reads and routes it."""

    def __init__(self, predictor: Predictor, text: Observation, tagging: Tagging) -> None:
        self.tagging = tagging
        self.areas = [tag.area for tag in tagging.areas]
        chosen = predictor.choose(text, tagging)
        self.departments = [f"{predictor.slug(each.department)} ({each.role})" for each in chosen]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared: a model, under its own thresholds or under others."""

    model: Model
    predictor: Predictor

    def retags(self, other: "Side") -> bool:
        """Whether its tags follow from those of `other`: only thresholds differ."""
        mine, others = self.model.thresholds, other.model.thresholds
        same_reading = mine.careful_below == others.careful_below
        return self.model.version == other.model.version and same_reading

    def retag(self, taggings: Sequence[Tagging]) -> list[Tagging]:
        """Applies its thresholds to what the other side read."""
        return [retag(each, self.model.areas, self.model.thresholds) for each in taggings]


def compare(
    old: Side, new: Side, lines: Iterable[bytes], complaints: TextIO
) -> tuple[Comparison, int]:
    """Reads JSON lines; returns what changes from old to new, and how many were unreadable.

    Where only thresholds differ, each text is read once.
    """
    comparison, read = Comparison(), Lines(lines, complaints)
    for texts in read.batches(_BATCH):
        before = old.predictor.tag(texts)
        after = new.retag(before) if new.retags(old) else new.predictor.tag(texts)
        for text, one, two in zip(texts, before, after, strict=True):
            comparison.note(
                text, Predicted(old.predictor, text, one), Predicted(new.predictor, text, two)
            )
        complaints.write(f"{comparison.texts} texts compared\n")
        complaints.flush()
    return comparison, read.unreadable


def _rows(changes: Changes) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "lost": changes.lost[name],
            "gained": changes.gained[name],
            "kept": changes.kept[name],
            "examples_lost": changes.examples.get(("lost", name), []),
            "examples_gained": changes.examples.get(("gained", name), []),
        }
        for name in changes.names()
    ]


def main() -> int:
    """Exits 0, or 1 when a line was unreadable, or 2 when a model is."""
    parser = argparse.ArgumentParser(
        prog="python -m services.classifier.compare",
        description="Show what MODEL_B would change for texts on standard input (JSON lines as "
        "for predict). A model is a folder, FOLDER+THRESHOLDS.json, or 'shipped'.",
    )
    parser.add_argument("model_a", metavar="MODEL_A")
    parser.add_argument("model_b", metavar="MODEL_B")
    parser.add_argument("--json", action="store_true", help="for scripts")
    arguments = parser.parse_args()
    try:
        old, new = (_side(name) for name in (arguments.model_a, arguments.model_b))
    except UnreadableModel as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2
    comparison, unreadable = compare(old, new, sys.stdin.buffer, sys.stderr)
    if arguments.json:
        json.dump(comparison.as_json(), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        comparison.show(sys.stdout)
    return 1 if unreadable else 0


def _side(name: str) -> Side:
    folder, _, thresholds = name.partition("+")
    tagger = load_tagger(
        None if folder == "shipped" else Path(folder),
        thresholds=Path(thresholds) if thresholds else None,
    )
    today = datetime.now(UTC).date()
    return Side(tagger.model, Predictor(tagger, load_rules(), load_departments(), today))


if __name__ == "__main__":
    sys.exit(main())
