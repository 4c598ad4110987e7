"""Decides which words of a text are shown as the reasons for an area."""

from collections.abc import Iterable, Sequence

from services.classifier.words import WEAK_STEMS

MAX_REASONS = 5


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
