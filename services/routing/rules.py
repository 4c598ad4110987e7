"""Decides which departments get a feedback, in which role and why; pure, and blind to stance."""

from collections.abc import Iterator
from datetime import date

from schemas.departments import HUB, Departments
from schemas.feedback import Submission
from schemas.routing import ChosenDepartment, Role
from schemas.tagging import Abstention, AreaTag, Tagging
from services.routing.rulebook import Rules

_ABSTENTIONS = {
    Abstention.TOO_SHORT: "The text is too short to tag; the hub reads it and finds its owner.",
    Abstention.NO_AREA: "No policy area fits well enough; the hub reads it and finds its owner.",
    Abstention.LANGUAGE: "The classifier does not read this language; the hub has it read.",
    Abstention.OUT_OF_SCOPE: "It seems to lie outside government's work; the hub checks that.",
}


def choose_departments(
    tagging: Tagging, feedback: Submission, rules: Rules, departments: Departments, *, on: date
) -> tuple[ChosenDepartment, ...]:
    """Gives each department at most once, those that lead first, never more than the rules allow.

    A department that several rules bring has the role and reason of the strongest: lead over
    copied, then the earlier in the order below. Where nobody would lead, the hub does. `on` is the
    day by which closed departments are followed to their successors.
    """
    brought = [
        *_leads(tagging, rules),
        *_named(feedback, rules, departments, on),
        *_by_kind(feedback, rules),
        *_by_place(tagging, feedback, rules),
        *_by_ranking(tagging, rules),
        *_copied_by_areas(tagging, rules),
    ]
    if not any(each.role is Role.LEAD for each in brought):
        brought.insert(0, _hub(tagging))
    brought.sort(key=lambda each: each.role is not Role.LEAD)
    chosen: dict[str, ChosenDepartment] = {}
    for each in brought:
        code = departments.current(each.department, on)[0].code
        if code != each.department:
            each = each.model_copy(update={"department": code})
        chosen.setdefault(code, each)
    return tuple(chosen.values())[: rules.most_departments]


def _leads(tagging: Tagging, rules: Rules) -> Iterator[ChosenDepartment]:
    """Leads of the areas that are likely enough; the first area's in any case."""
    for place, tag in enumerate(tagging.areas):
        if place == 0 or tag.probability >= rules.area_leads_at:
            yield _choice(rules.areas[tag.area].lead, Role.LEAD, tag, rules)


def _copied_by_areas(tagging: Tagging, rules: Rules) -> Iterator[ChosenDepartment]:
    """Leads of the areas that are less likely, then whom each area copies."""
    for tag in tagging.areas[1:]:
        if tag.probability < rules.area_leads_at:
            yield _choice(rules.areas[tag.area].lead, Role.COPIED, tag, rules)
    for tag in tagging.areas:
        for code in rules.areas[tag.area].copied:
            yield _choice(code, Role.COPIED, tag, rules)


def _choice(code: str, role: Role, tag: AreaTag, rules: Rules) -> ChosenDepartment:
    name = rules.names.get(tag.area, tag.area)
    does = "leads on" if code == rules.areas[tag.area].lead else "has a share in"
    return ChosenDepartment(
        department=code,
        role=role,
        rule=f"area/{tag.area}/{role}",
        because=f"It is about “{name}” ({tag.probability:.0%} sure), which this department {does}.",
    )


def _named(
    feedback: Submission, rules: Rules, departments: Departments, on: date
) -> Iterator[ChosenDepartment]:
    """Departments and areas that the organisation named: copied, never displacing anyone."""
    if feedback.about is None:
        return
    for slug in feedback.about.departments:
        if departments.has_slug(slug):
            for heir in departments.current(departments.by_slug(slug).code, on):
                yield _copy(heir.code, f"about/department/{slug}", "The organisation named it.")
    for area in feedback.about.areas:
        if area in rules.areas:
            because = f"The organisation named “{rules.names.get(area, area)}” as its subject."
            yield _copy(rules.areas[area].lead, f"about/area/{area}", because)


def _by_kind(feedback: Submission, rules: Rules) -> Iterator[ChosenDepartment]:
    rule = rules.kinds.get(feedback.kind)
    for code in rule.copied if rule else ():
        assert rule is not None
        yield _copy(code, f"kind/{feedback.kind}/copied", rule.because)


def _by_place(tagging: Tagging, feedback: Submission, rules: Rules) -> Iterator[ChosenDepartment]:
    """The office of a devolved nation, where a tagged area is devolved or no area is known."""
    if feedback.place is None:
        return
    tagged = [tag.area for tag in tagging.areas]
    for nation in rules.nations:
        if not nation.holds(feedback.place):
            continue
        devolved = [area for area in tagged if area in nation.devolved]
        if devolved:
            named = rules.names.get(devolved[0], devolved[0])
            because = f"It comes from {nation.name}, to which “{named}” is devolved."
        elif not tagged:
            because = f"It comes from {nation.name}, and its subject is not known yet."
        else:
            continue
        yield _copy(nation.copied, f"place/{nation.copied.lower()}/copied", because)


def _by_ranking(tagging: Tagging, rules: Rules) -> Iterator[ChosenDepartment]:
    """The first of the ranking, copied where the areas may have missed it."""
    if tagging.abstained not in (None, Abstention.NO_AREA) or not tagging.department_candidates:
        return
    first = tagging.department_candidates[0]
    if first.probability >= rules.evidence.copied_at:
        sure = f"{first.probability:.0%} sure"
        because = f"Its wording is like matters that this department answers ({sure})."
        yield _copy(first.department, "evidence/copied", because)


def _hub(tagging: Tagging) -> ChosenDepartment:
    reason = tagging.abstained or Abstention.NO_AREA
    return ChosenDepartment(
        department=HUB, role=Role.LEAD, rule=f"hub/{reason}", because=_ABSTENTIONS[reason]
    )


def _copy(code: str, rule: str, because: str) -> ChosenDepartment:
    return ChosenDepartment(department=code, role=Role.COPIED, rule=rule, because=because)
