"""Decides where two taggings of one text differ, and sums differences up over many texts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from schemas.tagging import Tagging

_EXAMPLES = 3


def differences(old: Tagging, new: Tagging) -> Iterator[str]:
    """Names what differs: few names, whatever the texts."""
    if _first(old.candidates, "area") != _first(new.candidates, "area"):
        yield "first_area"
    if {tag.area for tag in old.areas} != {tag.area for tag in new.areas}:
        yield "areas"
    if _first(old.department_candidates, "department") != _first(
        new.department_candidates, "department"
    ):
        yield "first_department"
    if old.abstained != new.abstained:
        yield "abstained"


@dataclass(slots=True)
class Changes:
    """Who gains and who loses texts, with the ids of a few examples of each."""

    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def note(self, text_id: str, old: Sequence[str], new: Sequence[str]) -> None:
        """Takes what one text had and has."""
        for name in set(new) - set(old):
            self.gained[name] += 1
            self._remember("gained", name, text_id)
        for name in set(old) - set(new):
            self.lost[name] += 1
            self._remember("lost", name, text_id)
        self.kept.update(set(old) & set(new))

    def names(self) -> list[str]:
        """Whoever gains or loses, the most changed first."""
        changed = self.gained + self.lost
        return [name for name, _ in sorted(changed.items(), key=lambda each: (-each[1], each[0]))]

    def _remember(self, what: str, name: str, text_id: str) -> None:
        kept = self.examples.setdefault((what, name), [])
        if len(kept) < _EXAMPLES:
            kept.append(text_id)


def _first(candidates: Sequence[object], name: str) -> object:
    return getattr(candidates[0], name) if candidates else None
