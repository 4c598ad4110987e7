"""Judgements make probabilities of scores; thresholds follow labelled texts and stay sane."""

from datetime import date

import numpy as np
import pytest

from services.classifier.judging import sigmoid
from services.classifier.training.corpus import OwnText, Petition
from services.classifier.training.examples import Examples
from services.classifier.training.frame import Frame, current_frame
from services.classifier.training.recipe import Recipe
from services.classifier.training.stacking import Scored, fit_judgement
from services.classifier.training.thresholds import choose_thresholds

DEPARTMENTS = ("DFE", "HO", "MHCLG")


@pytest.fixture(scope="module")
def frame() -> Frame:
    return current_frame(DEPARTMENTS, date(2026, 11, 2))


def scored(frame: Frame, texts: int = 3_000) -> tuple[Scored, np.ndarray]:
    """Texts whose areas follow a known law of the careful reader's scores; the fast one guesses."""
    draw = np.random.default_rng(3)
    count = len(frame.areas)
    careful = draw.normal(size=(texts, count + len(DEPARTMENTS) + 1)).astype(np.float32)
    fast = draw.normal(size=careful.shape).astype(np.float32)
    truth = sigmoid(2 * careful[:, :count] - 1)
    owner = careful[:, count:-1].argmax(axis=1)
    return (
        Scored(
            Examples(
                ("",) * texts,
                (draw.random(truth.shape) < truth).astype(np.int8),
                np.eye(len(DEPARTMENTS), dtype=np.float32)[owner],
                (careful[:, -1] > 1).astype(np.int8),
                np.ones(texts, dtype=np.float32),
            ),
            fast,
            careful,
        ),
        truth,
    )


def test_a_judgement_trusts_the_reader_that_knows(frame: Frame) -> None:
    known, truth = scored(frame)
    judgement = fit_judgement(known, frame.ranking)
    assert known.careful is not None
    judged = sigmoid(judgement.judge(known.fast, known.careful))
    count = len(frame.areas)
    assert judgement.careful[0] == pytest.approx(2, abs=0.1)
    assert abs(judgement.fast[0]) < 0.1
    assert np.abs(judged[:, :count] - truth).mean() < 0.03
    assert judgement.careful[count] > 5 * judgement.fast[count]
    outside = known.examples.out_of_scope == 1
    assert judged[outside, -1].min() > judged[~outside, -1].max() - 0.1


def test_one_reader_is_judged_alone(frame: Frame) -> None:
    known, _ = scored(frame, texts=300)
    alone = fit_judgement(Scored(known.examples, known.fast, None), frame.ranking)
    assert not alone.careful.any()


def test_thresholds_are_drawn_to_the_best_for_all_where_texts_are_few() -> None:
    areas = ("energy", "tax")
    texts = [Petition("a", (), ("tax",))] * 20 + [Petition("b", (), ("energy",))]
    probabilities = np.array([[0.05, 0.6]] * 20 + [[0.9, 0.1]])
    found = choose_thresholds(probabilities, np.zeros(21), texts, areas, Recipe())
    assert 0.1 < min(found.areas.values()) <= max(found.areas.values()) < 0.65
    assert 0 < found.first_at <= 0.6


def test_the_scope_refuses_few_clear_texts() -> None:
    inside = [OwnText("a", ("tax",))] * 98 + [OwnText("c", ("tax",))] * 2
    outside = [OwnText("b", ())] * 50
    probabilities = np.full((150, 1), 0.9)
    out_of_scope = np.array([0.1] * 98 + [0.97] * 2 + [0.99] * 50)
    found = choose_thresholds(probabilities, out_of_scope, inside + outside, ("tax",), Recipe())
    refused = out_of_scope >= found.out_of_scope_at
    assert refused[100:].all()
    assert refused[:100].mean() <= 0.03
