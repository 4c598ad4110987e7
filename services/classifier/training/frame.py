"""What a run is framed by: the vocabulary, the departments and the rules that it serves."""

from dataclasses import dataclass
from datetime import date

from schemas.departments import Departments, load_departments
from schemas.policy_areas import PolicyAreas, load_policy_areas
from services.routing.ranking import Ranking
from services.routing.rulebook import Rules, load_rules


@dataclass(frozen=True, eq=False)
class Frame:
    """The columns of scores, and the rules by which departments are ranked and chosen.

    `on` is the day for which departments are chosen when routing is scored.
    """

    vocabulary: PolicyAreas
    departments: Departments
    rules: Rules
    answering: tuple[str, ...]
    on: date

    @property
    def areas(self) -> tuple[str, ...]:
        """The columns of areas."""
        return self.vocabulary.slugs

    @property
    def leads(self) -> dict[str, str]:
        """Who leads on each area."""
        return {area: rule.lead for area, rule in self.rules.areas.items()}

    @property
    def ranking(self) -> Ranking:
        """How wording and areas are mixed."""
        return Ranking(self.answering, self.areas, self.rules)


def current_frame(answering: tuple[str, ...], on: date) -> Frame:
    """The frame of the vocabulary, departments and rules that ship."""
    return Frame(load_policy_areas(), load_departments(), load_rules(), answering, on)
