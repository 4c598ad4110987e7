"""No text raises or takes long, whatever is in it."""

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.feedback import MAX_TEXT_CHARACTERS
from services.classifier.loading import load_tagger
from services.classifier.words import terms_of

TAGGER = load_tagger()
FAST = load_tagger(fast_alone=True)
SENTENCE = "The landlord ignores damp, the bus was cut, and the school has no place. "

POISON = {
    "one megabyte of one word": "damp " * 200_000,
    "one word of one megabyte": "d" * 1_000_000,
    "emoji only": "😀🏠🔥" * 500,
    "zero width": "da\u200bmp\u200b mould\u200b" * 100,
    "only zero width": "\u200b\u200d\ufeff" * 2_000,
    "tags": "<b>" * 6_000 + "<script>alert(1)</script>",
    "unclosed tags": "<" * 20_000,
    "entities": "&amp;" * 4_000,
    "apostrophes": "a'" * 10_000,
    "another script": "食物银行" * 5_000,
    "right to left": "بنك الطعام " * 1_500,
    "combining marks": "e\u0301\u0302\u0303" * 5_000,
    "lone surrogates": "\ud800 damp \udfff mould",
    "control characters": "\x00\x01\x02 damp \x7f mould",
    "longest everyday text": (SENTENCE * 300)[:MAX_TEXT_CHARACTERS],
}


@pytest.mark.parametrize("name", sorted(POISON))
def test_poison_gets_a_sound_tag_or_an_abstention_within_a_second(name: str) -> None:
    started = time.perf_counter()
    tagging = TAGGER.tag(POISON[name])
    assert time.perf_counter() - started < 1
    assert bool(tagging.areas) != bool(tagging.abstained)
    assert len(tagging.candidates) == 10


def test_invisible_characters_and_tags_change_nothing() -> None:
    plain = "Damp and mould in the flats of our tenants; the landlord\u2019s repairs never come."
    dressed = "<p>Da\u00admp and mo\u200buld</p> in the <b>flats</b> of our tenants; " + (
        "the landlord's repairs never come."
    )
    assert terms_of(plain) == terms_of(dressed)
    assert TAGGER.tag(plain).areas == TAGGER.tag(dressed).areas


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400), st.sampled_from(["en", "cy", "pl", "zh-Hant"]))
def test_any_text_is_answered(text: str, language: str) -> None:
    tagging = TAGGER.tag(text, language)
    assert bool(tagging.areas) != bool(tagging.abstained)


def test_batches_run_at_half_of_the_goal_or_faster() -> None:
    texts = [SENTENCE * 6] * 512  # 84 words each; the goal is 5,000 texts a second
    FAST.tag_many(texts[:64])
    best = 0.0
    for _ in range(5):
        started = time.process_time()
        FAST.tag_many(texts)
        best = max(best, len(texts) / (time.process_time() - started))
    assert best > 2_500


def test_careful_reading_runs_at_half_of_the_goal_or_faster() -> None:
    texts = [f"{SENTENCE} {number} of our members said so. " * 3 for number in range(30)]
    best = 0.0
    for _ in range(3):
        started = time.process_time()
        TAGGER.tag_many(texts)
        best = max(best, len(texts) / (time.process_time() - started))
    assert best > 30  # the goal is 60 texts a second


async def test_the_event_loop_goes_on_while_the_longest_texts_are_read() -> None:
    texts = [POISON["longest everyday text"], *POISON.values()]
    reading = asyncio.ensure_future(asyncio.to_thread(TAGGER.tag_many, texts))
    latest = 0.0
    while not reading.done():
        before = time.perf_counter()
        await asyncio.sleep(0.01)
        latest = max(latest, time.perf_counter() - before)
    assert latest < 0.25
