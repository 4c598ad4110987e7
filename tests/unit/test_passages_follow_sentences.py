"""A long text is cut at its sentences and lines, and nothing of it is left out."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.feedback import MAX_TEXT_CHARACTERS
from services.classifier.passages import passages_of

SENTENCE = "The landlord ignores damp and the bus was cut again. "


def test_a_short_text_is_one_passage() -> None:
    assert passages_of(SENTENCE) == [(0, len(SENTENCE))]
    assert passages_of("") == [(0, 0)]


def test_passages_end_where_sentences_end() -> None:
    text = SENTENCE * 30
    passages = passages_of(text)
    assert len(passages) > 2
    assert all(text[end - 1] == "." for _, end in passages)


def test_a_paragraph_of_its_own_weight_starts_a_passage() -> None:
    first, second = SENTENCE * 8, SENTENCE * 8
    text = f"{first}\n\n{second}"
    assert text.index(second) in {start for start, _ in passages_of(text)}


@pytest.mark.parametrize("text", ["d" * 50_000, "damp " * 9_000, "<" * 30_000, "\n" * 30_000])
def test_text_without_sentences_is_cut_all_the_same(text: str) -> None:
    passages = passages_of(text)
    assert len(passages) < 200
    assert all(end - start <= 1_200 for start, end in passages)


@given(st.text(st.sampled_from("ab .!?\n\u00a0\t"), max_size=6_000))
def test_passages_stand_in_order_and_hold_every_word(text: str) -> None:
    passages = passages_of(text)
    assert all(start <= end for start, end in passages)
    assert all(one[1] <= two[0] for one, two in pairwise(passages))
    held = "".join(text[start:end] for start, end in passages)
    assert "".join(held.split()) == "".join(text[:MAX_TEXT_CHARACTERS].split())
