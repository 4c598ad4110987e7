"""Decides where a long text is cut into passages: at its paragraphs and sentences."""

import re
from collections.abc import Iterator

from schemas.feedback import MAX_TEXT_CHARACTERS

Span = tuple[int, int]

WHOLE_WORDS = 110  # up to here a text is one passage
_PASSAGE_WORDS = 70
_PASSAGE_CHARACTERS = 1_200

_PIECE = re.compile(r"\S[^.!?\n]*(?:[.!?]+(?=\s)|\n+|$|[.!?]+)")


def passages_of(text: str) -> list[Span]:
    """Gives the passages of a text as (start, end) in characters, in order; one for a short text.

    Only what intake accepts of a text's length is looked at.
    """
    end = min(len(text), MAX_TEXT_CHARACTERS)
    if end <= _PASSAGE_CHARACTERS and text.count(" ") < WHOLE_WORDS:
        return [(0, end)]
    passages: list[Span] = []
    words = start = last = 0
    for piece_start, piece_end in _pieces(text, end):
        count = text.count(" ", piece_start, piece_end) + 1
        long = words + count > _PASSAGE_WORDS or piece_end - start > _PASSAGE_CHARACTERS
        if words and long:
            passages.append((start, last))
            start, words = piece_start, 0
        words += count
        last = piece_end
    passages.append((start, max(last, start)))
    return passages


def _pieces(text: str, end: int) -> Iterator[Span]:
    """Sentences and lines; one that is longer than a passage is cut at its words."""
    for match in _PIECE.finditer(text, 0, end):
        start, stop = match.span()
        while stop - start > _PASSAGE_CHARACTERS or text.count(" ", start, stop) > _PASSAGE_WORDS:
            cut = _cut(text, start, stop)
            yield start, cut
            start = cut
        if start < stop:
            yield start, stop


def _cut(text: str, start: int, stop: int) -> int:
    """After the last word that a passage holds; in the middle of a word that is longer."""
    at = start
    for _ in range(_PASSAGE_WORDS):
        space = text.find(" ", at + 1, min(stop, start + _PASSAGE_CHARACTERS))
        if space < 0:
            break
        at = space
    return at if at > start else min(stop, start + _PASSAGE_CHARACTERS)
