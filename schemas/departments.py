"""The directory of departments: permanent codes, GOV.UK slugs, names, dated successors."""

from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.feedback import Slug
from schemas.policy_areas import Name
from schemas.tagging import DepartmentCode

HUB = "HUB"

_DATA = Path(__file__).parent / "data" / "departments.json"


class Department(BaseModel):
    """A department, the hub, or one that closed. Codes are permanent and never given twice.

    A closed department lists every later department that took over part of its work, the largest
    part first; `Departments.current` picks those that exist at a date.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: DepartmentCode
    slug: Slug
    name: Name
    hub: bool = False
    opened_on: date | None = Field(default=None, description="Absent: before these records.")
    closed_on: date | None = Field(default=None, description="First day without it.")
    successors: tuple[DepartmentCode, ...] = ()

    @model_validator(mode="after")
    def _close_with_successors(self) -> Self:
        if (self.closed_on is None) != (not self.successors):
            raise ValueError(f"{self.code}: give closed_on and successors together, or neither")
        if self.opened_on and self.closed_on and self.opened_on >= self.closed_on:
            raise ValueError(f"{self.code}: closed_on must be later than opened_on")
        return self

    def is_open(self, on: date) -> bool:
        """Whether the department exists on that day."""
        opened = self.opened_on is None or self.opened_on <= on
        return opened and (self.closed_on is None or on < self.closed_on)


class Departments(BaseModel):
    """Every department that exists or existed, and the hub."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(min_length=1, max_length=40)
    departments: tuple[Department, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        for key in ("code", "slug"):
            values = [getattr(each, key) for each in self.departments]
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"{key} given twice: {', '.join(twice)}")
        if [each.code for each in self.departments if each.hub] != [HUB]:
            raise ValueError(f"exactly one entry is the hub, with the code {HUB}")
        self._check_successors()
        return self

    def _check_successors(self) -> None:
        for each in self.departments:
            for code in each.successors:
                if code not in self:
                    raise ValueError(f"{each.code}: successor {code} does not exist")
            if each.closed_on and not self.current(each.code, date.max):
                raise ValueError(f"{each.code}: its successors lead to no open department")

    @cached_property
    def _by_code(self) -> dict[str, Department]:
        return {each.code: each for each in self.departments}

    @cached_property
    def _by_slug(self) -> dict[str, Department]:
        return {each.slug: each for each in self.departments}

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def has_slug(self, slug: str) -> bool:
        """Whether any department, open or closed, has this GOV.UK slug."""
        return slug in self._by_slug

    def by_code(self, code: str) -> Department:
        """Finds a department; raises `KeyError` that names the unknown code."""
        if code not in self._by_code:
            raise KeyError(f"no department has the code {code!r}")
        return self._by_code[code]

    def by_slug(self, slug: str) -> Department:
        """Finds a department; raises `KeyError` that names the unknown slug."""
        if slug not in self._by_slug:
            raise KeyError(f"no department has the GOV.UK slug {slug!r}")
        return self._by_slug[slug]

    def open_on(self, on: date) -> tuple[Department, ...]:
        """Every department that exists on that day, the hub included, in the order of the data."""
        return tuple(each for each in self.departments if each.is_open(on))

    def current(self, code: str, on: date) -> tuple[Department, ...]:
        """Who does a department's work on that day: itself, or its successors, largest part first.

        Successors that exist on the day win over chains through closed ones.
        """
        return self._follow(code, on, frozenset())

    def _follow(self, code: str, on: date, seen: frozenset[str]) -> tuple[Department, ...]:
        department = self.by_code(code)
        if department.closed_on is None or on < department.closed_on:
            return (department,)
        heirs = [self.by_code(each) for each in department.successors if each not in seen]
        found = [each for each in heirs if each.is_open(on)]
        if not found:
            seen = seen | {code}
            found = [last for each in heirs for last in self._follow(each.code, on, seen)]
        return tuple(dict.fromkeys(found))


@cache
def load_departments() -> Departments:
    """Reads and validates the directory that ships with this version; later calls are free."""
    return Departments.model_validate_json(_DATA.read_bytes())
