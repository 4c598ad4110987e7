"""Decides which departments get a feedback, in which role and why; pure, and blind to stance."""

from collections.abc import Iterator
from datetime import date

from schemas.departments import HUB, Departments
from schemas.feedback import Submission
from schemas.routing import ChosenDepartment, Role
from schemas.tagging import Abstention, AreaTag, DepartmentCandidate, Tagging
from services.routing.rulebook import Rules

_ABSTENTIONS = {
    Abstention.TOO_SHORT: "The text is too short to tag; the hub reads it and finds its owner.",
    Abstention.NO_AREA: "No policy area fits well enough; the hub reads it and finds its owner.",
    Abstention.LANGUAGE: "The classifier does not read this language; the hub has it read.",
    Abstention.OUT_OF_SCOPE: "It seems to lie outside government's work; the hub checks that.",
}
_IN_WELSH = "It is in Welsh, which the classifier does not read; the hub has it read."


def choose_departments(
    tagging: Tagging, feedback: Submission, rules: Rules, departments: Departments, *, on: date
) -> tuple[ChosenDepartment, ...]:
    """Gives each department at most once, those that lead first, never more than the rules allow.

    A department that several rules bring has the role and reason of the strongest: lead over
    copied, then the earlier in the order below. Leads stand in the order of the ranking. Where
    nobody would lead, the hub does. `on` is the day by which closed departments are followed to
    their successors.
    """
    brought = [
        *_leads(tagging, rules),
        *_by_kind(feedback, rules),
        *_by_place(tagging, feedback, rules),
        *_by_ranking(tagging, rules),
        *_copied_by_areas(tagging, rules),
        *_named(feedback, rules, departments, on),  # last: cut first
    ]
    ranked = {each.department: at for at, each in enumerate(tagging.department_candidates)}
    leads = [each for each in brought if each.role is Role.LEAD] or [_hub(tagging)]
    leads.sort(key=lambda each: ranked.get(each.department, len(ranked)))
    copied = [each for each in brought if each.role is Role.COPIED]
    chosen: dict[str, ChosenDepartment] = {}
    for each in (*leads, *copied):
        code = departments.current(each.department, on)[0].code
        chosen.setdefault(code, each.model_copy(update={"department": code}))
    return tuple(chosen.values())[: rules.most_departments]


def _leads(tagging: Tagging, rules: Rules) -> Iterator[ChosenDepartment]:
    """Leads of the areas that are likely enough, and the first of a ranking that is sure.

    The first area's lead leads in any case, unless the ranking is surer than the areas.
    """
    sure = _sure_of_first(tagging, rules)
    for at, tag in enumerate(tagging.areas):
        if tag.probability >= rules.area_leads_at or (at == 0 and sure is None):
            yield _choice(rules.areas[tag.area].lead, Role.LEAD, tag, rules)
    if sure is not None and tagging.areas:
        yield _from_ranking(sure, Role.LEAD)


def _copied_by_areas(tagging: Tagging, rules: Rules) -> Iterator[ChosenDepartment]:
    """Leads of the areas that are less likely, then whom each area copies."""
    for tag in tagging.areas:
        if tag.probability < rules.area_leads_at:
            yield _choice(rules.areas[tag.area].lead, Role.COPIED, tag, rules)
    for tag in tagging.areas:
        for code in rules.areas[tag.area].copied:
            yield _choice(code, Role.COPIED, tag, rules)


def _sure_of_first(tagging: Tagging, rules: Rules) -> DepartmentCandidate | None:
    first = next(iter(tagging.department_candidates), None)
    return first if first and first.probability >= rules.evidence.lead_at else None


def _by_ranking(tagging: Tagging, rules: Rules) -> Iterator[ChosenDepartment]:
    """Others that the ranking finds likely; without an area only the first, if it is sure of it."""
    if tagging.areas:
        for candidate in tagging.department_candidates:
            if candidate.probability >= rules.evidence.copied_at:
                yield _from_ranking(candidate, Role.COPIED)
    elif tagging.abstained is Abstention.NO_AREA:
        sure = _sure_of_first(tagging, rules)
        if sure is not None:
            yield _from_ranking(sure, Role.COPIED)


def _from_ranking(candidate: DepartmentCandidate, role: Role) -> ChosenDepartment:
    sure = f"{candidate.probability:.0%} sure"
    return ChosenDepartment(
        department=candidate.department,
        role=role,
        rule=f"ranking/{role}",
        because=f"Its wording and areas are like those that this department answers ({sure}).",
    )


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


def _hub(tagging: Tagging) -> ChosenDepartment:
    reason = tagging.abstained or Abstention.NO_AREA
    because = _IN_WELSH if tagging.unread_language == "cy" else _ABSTENTIONS[reason]
    return ChosenDepartment(department=HUB, role=Role.LEAD, rule=f"hub/{reason}", because=because)


def _copy(code: str, rule: str, because: str) -> ChosenDepartment:
    return ChosenDepartment(department=code, role=Role.COPIED, rule=rule, because=because)
