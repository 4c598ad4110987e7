"""Fills the model card and the transparency record from the artifact's own metadata."""

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from services.classifier.evaluation.measures import shown
from services.classifier.model import Model

_TEMPLATES = Path(__file__).parent / "templates"
_WRITTEN = {"model_card.md": "model-card.md", "transparency_record.md": "transparency-record.md"}


def write_cards(model: Model, scores: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """Writes `model-card.md` and `transparency-record.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = facts_of(model, scores)
    for template, name in _WRITTEN.items():
        text = Template((_TEMPLATES / template).read_text(encoding="utf-8")).substitute(facts)
        (folder / name).write_text(text, encoding="utf-8")


def facts_of(model: Model, scores: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Everything that the templates name, from the metadata, thresholds and scores."""
    metadata = model.metadata
    data = metadata["training_data"]
    own = data["own_texts"]
    return {
        "version": model.version,
        "vocabulary": model.vocabulary_version,
        "thresholds": model.thresholds.version,
        "areas": str(len(model.areas)),
        "departments": str(len(model.departments)),
        "terms": f"{len(model.fast.terms):,}",
        "encoder_mb": f"{len(model.careful.encoder) / 1e6:.0f}" if model.careful else "0",
        "careful_below": f"{model.thresholds.careful_below:g}",
        "questions": f"{data['questions']['rows']:,}",
        "questions_sha": data["questions"]["sha256"],
        "split_month": metadata["recipe"]["split_month"],
        "own_texts": f"{own['rows']:,}",
        "own_sha": own["sha256"],
        "registers": ", ".join(
            f"{count:,} {name.replace('_', ' ')}" for name, count in own["registers"].items()
        ),
        "coverage": ", ".join(
            f"{share:.1%} {ground}" for ground, share in metadata["coverage"].items()
        ),
        "made_with": ", ".join(f"{name} {at}" for name, at in metadata["made_with"].items()),
        "credit": "\n".join(f"- {line}" for line in metadata["credit"]),
        "figures": _figures(scores),
        "read_carefully": shown(scores["observations_areas"]["read_carefully"]),
        "out_of_scope": shown(scores["out_of_scope"]["to_the_hub"]),
        "clear_abstained": shown(scores["observations_areas"]["abstained"]),
        "welsh": shown(scores["welsh"]["to_the_hub"]),
        "twins": shown(scores["stance_twins"]["same_first_area"]),
        "twins_lead": shown(scores["stance_twins"]["same_first_lead"]),
    }


def _figures(scores: Mapping[str, Mapping[str, Any]]) -> str:
    wanted = (
        ("petitions_departments", "first_right"),
        ("petitions_departments", "within_three"),
        ("petitions_departments", "mean_recall"),
        ("petitions_routing", "first_lead_right"),
        ("later_questions_departments", "first_right"),
        ("later_questions_departments", "within_three"),
        ("petitions_areas", "first_right_or_acceptable"),
        ("petitions_areas", "primary_within_three"),
        ("petitions_areas", "micro_f1"),
        ("observations_areas", "first_right_or_acceptable"),
        ("observations_areas", "primary_within_three"),
        ("observations_areas", "micro_f1"),
        ("observations_departments", "first_right"),
        ("observations_areas", "calibration_error"),
    )
    return "\n".join(
        f"- {name.replace('_', ' ')}, {figure.replace('_', ' ')}: {shown(scores[name][figure])}"
        for name, figure in wanted
    )
