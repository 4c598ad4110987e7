"""Decides which words of a text are shown as the reasons for an area."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from services.classifier.words import WEAK_STEMS, stem_of, words_with_places

MAX_REASONS = 5
_SHARE_OF_STRONGEST = 0.25


def choose_reasons(
    terms: Iterable[str], words: Sequence[str], stems: Sequence[str]
) -> tuple[str, ...]:
    """Takes the first few of `terms`, best first, as words of the text, none shown twice.

    Terms with numbers and other words that say little are left out, whatever their weight.
    `stems` has a place for each word, empty where the word does not count.
    """
    reasons: list[str] = []
    shown: set[str] = set()
    for term in terms:
        parts = term.split()
        if shown.issuperset(parts) or not WEAK_STEMS.isdisjoint(parts):
            continue
        surface = _surface(parts, words, stems)
        if surface is None:
            continue
        if len(parts) > 1:
            reasons = [each for each in reasons if each not in surface.split()]
        reasons.append(surface)
        shown.update(parts)
        if len(reasons) == MAX_REASONS:
            break
    return tuple(reasons)


def reasons_in(
    passage: str,
    spans: NDArray[np.int64],
    parts: NDArray[np.float32],
    by_stem: Mapping[str, float],
) -> tuple[str, ...]:
    """Takes the words of a cleaned passage that brought most, neighbours as one phrase.

    What a word brought is the sum of its tokens' `parts` (tokens,), at `spans` (tokens, 2) in
    characters of the passage, and of what its stem brought by itself. Words that say little are
    left out, and those that brought far less than the strongest.
    """
    words = [(word, start) for word, start in words_with_places(passage) if _says_something(word)]
    if not words:
        return ()
    at = np.searchsorted([start for _, start in words], spans[:, 0], side="right") - 1
    ends = np.array([start + len(word) for word, start in words])
    inside = (at >= 0) & (spans[:, 1] > spans[:, 0]) & (spans[:, 1] <= ends[at])
    brought = np.array([by_stem.get(stem_of(word), 0.0) for word, _ in words])
    np.add.at(brought, at[inside], parts[inside])
    chosen: list[int] = []
    stems: set[str] = set()
    for place in np.argsort(-brought, kind="stable").tolist():
        if brought[place] <= _SHARE_OF_STRONGEST * brought.max() or len(chosen) == MAX_REASONS:
            break
        stem = stem_of(words[place][0])
        if stem not in stems:
            stems.add(stem)
            chosen.append(place)
    return _phrases(passage, words, chosen)


def _phrases(passage: str, words: Sequence[tuple[str, int]], chosen: list[int]) -> tuple[str, ...]:
    """Chosen words, the strongest first; neighbours among them are one phrase."""
    phrases: list[str] = []
    used: set[int] = set()
    for place in chosen:
        if place in used:
            continue
        first = last = place
        while first - 1 in chosen and _adjacent(passage, words, first - 1):
            first -= 1
        while last + 1 in chosen and _adjacent(passage, words, last):
            last += 1
        used.update(range(first, last + 1))
        phrases.append(" ".join(words[each][0] for each in range(first, last + 1)))
    return tuple(phrases)


def _adjacent(passage: str, words: Sequence[tuple[str, int]], place: int) -> bool:
    word, start = words[place]
    return passage[start + len(word) : words[place + 1][1]] == " "


def _says_something(word: str) -> bool:
    stem = stem_of(word)
    return bool(stem) and stem not in WEAK_STEMS


def _surface(parts: Sequence[str], words: Sequence[str], stems: Sequence[str]) -> str | None:
    """The first place where the term stands as such; None where other words stand between."""
    if len(parts) == 1:
        return words[stems.index(parts[0])]
    first, second = parts
    at = stems.index(first)
    while at + 1 < len(stems):
        if stems[at + 1] == second:
            return f"{words[at]} {words[at + 1]}"
        try:
            at = stems.index(first, at + 1)
        except ValueError:
            return None
    return None
