"""Who gets a feedback, in which role and why."""

from datetime import date
from typing import Any

import pytest

from schemas.departments import load_departments
from schemas.feedback import Capacity, Kind, Submission
from schemas.routing import ChosenDepartment, Role
from schemas.tagging import Abstention, AreaTag, DepartmentCandidate, Tagging
from services.routing.rulebook import load_rules
from services.routing.rules import choose_departments

TODAY = date(2026, 11, 2)
RULES = load_rules()


def tagging(
    *areas: tuple[str, float],
    ranking: tuple[tuple[str, float], ...] = (),
    abstained: Abstention | None = None,
) -> Tagging:
    return Tagging(
        areas=tuple(AreaTag(area=area, probability=at) for area, at in areas),
        abstained=abstained,
        department_candidates=tuple(
            DepartmentCandidate(department=code, probability=at) for code, at in ranking
        ),
        model_version="t",
        vocabulary_version="t",
    )


def choose(given: Tagging, kind: Kind = Kind.OBSERVATION, **fields: Any) -> list[ChosenDepartment]:
    submission = Submission.model_validate({"kind": kind, "text": "words", **fields})
    return list(choose_departments(given, submission, RULES, load_departments(), on=TODAY))


def roles(chosen: list[ChosenDepartment]) -> list[tuple[str, str]]:
    return [(each.department, each.role.value) for each in chosen]


def test_an_area_brings_its_lead_and_whom_it_copies() -> None:
    chosen = choose(tagging(("crime-and-policing", 0.9)))
    assert roles(chosen) == [("HO", "lead"), ("MOJ", "copied")]
    assert chosen[0].rule == "area/crime-and-policing/lead"
    assert "Crime and policing" in chosen[0].because
    assert "90%" in chosen[0].because


def test_each_likely_area_has_a_lead_and_an_unlikely_one_is_copied() -> None:
    chosen = choose(tagging(("housing", 0.9), ("schools", 0.6), ("energy", 0.3)))
    assert roles(chosen) == [("MHCLG", "lead"), ("DFE", "lead"), ("DESNZ", "copied")]


def test_the_first_area_leads_even_when_it_is_unlikely() -> None:
    assert roles(choose(tagging(("housing", 0.2)))) == [("MHCLG", "lead")]


def test_lead_wins_over_copied_and_each_department_comes_once() -> None:
    chosen = choose(tagging(("crime-and-policing", 0.9), ("prisons-and-probation", 0.8)))
    assert roles(chosen) == [("HO", "lead"), ("MOJ", "lead")]
    assert chosen[1].rule == "area/prisons-and-probation/lead"


def test_leads_stand_in_the_order_of_the_ranking() -> None:
    ranking = (("DFE", 0.45), ("MHCLG", 0.4))
    chosen = choose(tagging(("housing", 0.9), ("schools", 0.8), ranking=ranking))
    assert roles(chosen) == [("DFE", "lead"), ("MHCLG", "lead")]


def test_a_sure_ranking_leads_and_an_unlikely_area_is_copied() -> None:
    chosen = choose(tagging(("trade", 0.3), ranking=(("DEFRA", 0.7), ("DBT", 0.1))))
    assert roles(chosen) == [("DEFRA", "lead"), ("DBT", "copied"), ("FCDO", "copied")]
    assert chosen[0].rule == "ranking/lead"


def test_a_likely_department_without_an_area_is_copied() -> None:
    chosen = choose(tagging(("housing", 0.9), ranking=(("MHCLG", 0.6), ("DHSC", 0.2))))
    assert roles(chosen) == [("MHCLG", "lead"), ("DHSC", "copied")]
    assert chosen[0].rule == "area/housing/lead"


@pytest.mark.parametrize("reason", list(Abstention))
def test_an_abstention_goes_to_the_hub_with_its_reason(reason: Abstention) -> None:
    chosen = choose(tagging(abstained=reason, ranking=(("DHSC", 0.3),)))
    assert roles(chosen) == [("HUB", "lead")]
    assert chosen[0].rule == f"hub/{reason}"


def test_without_an_area_a_sure_ranking_is_copied_beside_the_hub() -> None:
    sure = (("DFT", 0.8),)
    chosen = choose(tagging(abstained=Abstention.NO_AREA, ranking=sure))
    assert roles(chosen) == [("HUB", "lead"), ("DFT", "copied")]
    assert roles(choose(tagging(abstained=Abstention.TOO_SHORT, ranking=sure))) == [("HUB", "lead")]


@pytest.mark.parametrize(
    ("kind", "copied"),
    [
        (Kind.PROCUREMENT, "CO"),
        (Kind.FUNDING, "DCMS"),
        (Kind.PRACTICE, "HUB"),
        (Kind.CONSULTATION_RESPONSE, "HUB"),
    ],
)
def test_kinds_copy_a_department(kind: Kind, copied: str) -> None:
    chosen = choose(tagging(("housing", 0.9)), kind)
    assert roles(chosen) == [("MHCLG", "lead"), (copied, "copied")]
    assert chosen[1].rule == f"kind/{kind}/copied"
    assert chosen[1].because.endswith(".")


@pytest.mark.parametrize(
    ("place", "area", "office"),
    [
        ("W06000015", "schools", "WALES"),
        ("CF24", "schools", "WALES"),
        ("S12000049", "crime-and-policing", "SCO"),
        ("BT48", "welfare-and-benefits", "NIO"),
        ("N09000003", "nhs-services", "NIO"),
        ("W06000015", "crime-and-policing", None),
        ("S12000049", "borders-and-immigration", None),
        ("E08000035", "schools", None),
        ("SY16", "schools", None),
    ],
)
def test_a_nations_office_is_copied_where_the_area_is_devolved(
    place: str, area: str, office: str | None
) -> None:
    codes = {each.department for each in choose(tagging((area, 0.9)), place=place)}
    assert codes & {"WALES", "SCO", "NIO"} == ({office} if office else set())


def test_from_a_nation_without_a_known_subject_its_office_is_copied_beside_the_hub() -> None:
    chosen = choose(tagging(abstained=Abstention.LANGUAGE), place="W06000002")
    assert roles(chosen) == [("HUB", "lead"), ("WALES", "copied")]


def test_departments_that_the_organisation_named_are_copied_and_displace_nobody() -> None:
    about = {"departments": ["hm-treasury", "no-such-office"], "areas": ["energy", "hosing"]}
    chosen = choose(tagging(("housing", 0.9)), about=about)
    assert roles(chosen) == [("MHCLG", "lead"), ("HMT", "copied"), ("DESNZ", "copied")]
    assert chosen[1].rule == "about/department/hm-treasury"


def test_a_closed_department_that_was_named_reaches_its_successors() -> None:
    about = {"departments": ["department-for-business-energy-and-industrial-strategy"]}
    codes = [each.department for each in choose(tagging(("housing", 0.9)), about=about)]
    assert codes == ["MHCLG", "DESNZ", "DBT", "DSIT"]


def test_the_hub_leads_once_also_where_the_kind_copies_it() -> None:
    chosen = choose(tagging(abstained=Abstention.NO_AREA), Kind.PRACTICE)
    assert roles(chosen) == [("HUB", "lead")]


def test_never_more_departments_than_the_rules_allow() -> None:
    slugs = [each.slug for each in load_departments().open_on(TODAY)][:10]
    chosen = choose(tagging(("schools", 0.9)), about={"departments": slugs})
    assert len(chosen) == RULES.most_departments
    assert chosen[0].role is Role.LEAD


def test_naming_many_departments_displaces_none_that_the_rules_choose() -> None:
    given = tagging(("crime-and-policing", 0.9), ("schools", 0.3), ranking=(("DHSC", 0.2),))
    place = {"place": "BT48"}
    unnamed = choose(given, Kind.FUNDING, **place)
    others = [
        each.slug
        for each in load_departments().open_on(TODAY)
        if each.code not in {chosen.department for chosen in unnamed}
    ]
    chosen = choose(given, Kind.FUNDING, **place, about={"departments": others[:10]})
    assert {each.rule.split("/")[0] for each in unnamed} == {"area", "kind", "place", "ranking"}
    assert chosen[: len(unnamed)] == unnamed
    assert len(chosen) == RULES.most_departments


@pytest.mark.parametrize("capacity", list(Capacity))
def test_capacity_interests_and_marking_change_nothing(capacity: Capacity) -> None:
    given = tagging(("housing", 0.9), ("schools", 0.4), ranking=(("MHCLG", 0.6), ("DFE", 0.3)))
    plain = choose(given, Kind.FUNDING, place="W06000015")
    stated = choose(
        given,
        Kind.FUNDING,
        place="W06000015",
        capacity=capacity,
        interests=["we hold a contract"],
        marking="sensitive",
    )
    assert stated == plain


def test_the_hub_is_told_that_a_text_is_in_welsh() -> None:
    unread = tagging(abstained=Abstention.LANGUAGE)
    [welsh] = choose(unread.model_copy(update={"unread_language": "cy"}))
    assert welsh.department == "HUB"
    assert "Welsh" in welsh.because
    [other] = choose(unread.model_copy(update={"unread_language": "und"}))
    assert "Welsh" not in other.because
