"""The vocabulary of policy areas: what a feedback can be about."""

from functools import cache, cached_property
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.feedback import Slug

_DATA = Path(__file__).parent / "data" / "policy_areas.json"


class Name(BaseModel):
    """A name in English and in Welsh."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    en: str = Field(min_length=1)
    cy: str = Field(min_length=1)


class PolicyArea(BaseModel):
    """One policy area. The slug is permanent: while it stays, its meaning stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: Slug
    name: Name
    scope: str = Field(min_length=1, description="What belongs to the area, in one sentence.")


class PolicyAreas(BaseModel):
    """All policy areas in the order of their slugs; `version` goes with every tag."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(min_length=1, max_length=40)
    areas: tuple[PolicyArea, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_slugs(self) -> Self:
        slugs = [area.slug for area in self.areas]
        if slugs != sorted(set(slugs)):
            raise ValueError("write each policy area once, in the order of the slugs")
        return self

    @cached_property
    def _by_slug(self) -> dict[str, PolicyArea]:
        return {area.slug: area for area in self.areas}

    @cached_property
    def slugs(self) -> tuple[str, ...]:
        """Every slug in order."""
        return tuple(self._by_slug)

    def __contains__(self, slug: object) -> bool:
        return slug in self._by_slug

    def by_slug(self, slug: str) -> PolicyArea:
        """Finds an area; raises `KeyError` that names the unknown slug."""
        if slug not in self._by_slug:
            raise KeyError(f"no policy area has the slug {slug!r}")
        return self._by_slug[slug]


@cache
def load_policy_areas() -> PolicyAreas:
    """Reads and validates the vocabulary that ships with this version; later calls are free."""
    return PolicyAreas.model_validate_json(_DATA.read_bytes())
