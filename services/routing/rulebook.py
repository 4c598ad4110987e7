"""The rules as versioned, validated data; what each part means to `choose_departments`."""

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.departments import Departments, load_departments
from schemas.feedback import Kind, Place, Slug
from schemas.policy_areas import PolicyAreas, load_policy_areas
from schemas.tagging import DepartmentCode, Probability

_DATA = Path(__file__).parent / "rules.json"
_POSTCODE_AREA = re.compile(r"[A-Z]{1,2}")


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AreaRule(_Data):
    """Who leads on a policy area and who is copied into it."""

    lead: DepartmentCode
    copied: tuple[DepartmentCode, ...] = ()


class KindRule(_Data):
    """Who is copied into a kind of feedback whatever its area, and why."""

    copied: tuple[DepartmentCode, ...]
    because: str = Field(min_length=1)


class NationRule(_Data):
    """A devolved nation: how its places look, its office, and the areas that are devolved to it.

    Only postcode areas that lie wholly in the nation are listed: the others decide nothing.
    """

    name: str
    gss: Annotated[str, Field(pattern=r"^[A-Z]$")]
    postcode_areas: tuple[Annotated[str, Field(pattern=r"^[A-Z]{1,2}$")], ...]
    copied: DepartmentCode
    devolved: tuple[Slug, ...]

    def holds(self, place: Place) -> bool:
        """Whether the place lies in the nation; the GSS code decides where there is one."""
        if place.gss is not None:
            return place.gss.startswith(self.gss)
        area = _POSTCODE_AREA.match(place.postcode or "")
        return area is not None and area[0] in self.postcode_areas


class EvidenceRule(_Data):
    """What the classifier's ranking of departments brings beside the areas.

    Its first leads from `lead_at` on, each of it is copied from `copied_at` on; without any area
    the hub leads, and only a first from `lead_at` on is copied.
    """

    lead_at: Probability
    copied_at: Probability


class RankingRule(_Data):
    """How the ranking weighs a text's wording against the areas that it is about.

    `wording` is the share of the classifier's department evidence, the rest comes from areas;
    `copied_share` is what a copied department gets of an area, beside 1 for its lead.
    """

    wording: Probability
    copied_share: Probability


class Rules(_Data):
    """All rules. `version` goes with every decision.

    `area_leads_at`: from this probability the lead of a tagged area leads on the item; below it is
    copied. `most_departments`: a longer list would have readers and no owner.
    """

    version: str = Field(min_length=1, max_length=40)
    most_departments: int = Field(ge=2, le=20)
    area_leads_at: Probability
    areas: dict[Slug, AreaRule]
    kinds: dict[Kind, KindRule]
    nations: tuple[NationRule, ...]
    evidence: EvidenceRule
    ranking: RankingRule
    names: dict[Slug, str] = Field(default_factory=dict, exclude=True)

    @model_validator(mode="after")
    def _copy_no_lead(self) -> Self:
        for area, rule in self.areas.items():
            if rule.lead in rule.copied:
                raise ValueError(f"areas.{area}: {rule.lead} leads and is copied; choose one")
        return self


def load_rules_from(payload: bytes, areas: PolicyAreas, departments: Departments) -> Rules:
    """Reads rules and checks them against the vocabularies; raises `ValueError` saying where."""
    rules = Rules.model_validate_json(payload)
    missing = sorted(set(areas.slugs) - set(rules.areas))
    if missing:
        raise ValueError(f"rules: no lead for the policy areas {', '.join(missing)}")
    for where, slug in _named_areas(rules):
        if slug not in areas:
            raise ValueError(f"rules: {where} names the unknown policy area {slug}")
    for where, code in _named_departments(rules):
        if code not in departments:
            raise ValueError(f"rules: {where} names the unknown department {code}")
    return rules.model_copy(update={"names": {each.slug: each.name.en for each in areas.areas}})


@cache
def load_rules() -> Rules:
    """Reads and checks the rules that ship with this version; later calls are free."""
    return load_rules_from(_DATA.read_bytes(), load_policy_areas(), load_departments())


def _named_areas(rules: Rules) -> list[tuple[str, str]]:
    devolved = [(f"nations.{each.name}", slug) for each in rules.nations for slug in each.devolved]
    return [(f"areas.{slug}", slug) for slug in rules.areas] + devolved


def _named_departments(rules: Rules) -> list[tuple[str, str]]:
    named = [(f"nations.{each.name}", each.copied) for each in rules.nations]
    for kind, rule in rules.kinds.items():
        named += [(f"kinds.{kind}", code) for code in rule.copied]
    for slug, area in rules.areas.items():
        named += [(f"areas.{slug}", code) for code in (area.lead, *area.copied)]
    return named
