"""The shipped model tags everyday texts, says why, and abstains with a reason."""

from dataclasses import replace

import pytest

from schemas.policy_areas import load_policy_areas
from schemas.tagging import Abstention
from services.classifier.deciding import areas_over, retag
from services.classifier.loading import load_tagger
from services.classifier.model import Thresholds
from services.classifier.model_files import load_model
from services.classifier.tagging import Tagger
from services.classifier.words import STOP_WORDS
from services.routing.rulebook import load_rules

DAMP = (
    "Damp and black mould have spread in the flats of tenants we visit, and the landlord "
    "will not repair the boiler."
)


@pytest.fixture(scope="module", params=["careful", "fast"])
def tagger(request: pytest.FixtureRequest) -> Tagger:
    return load_tagger(fast_alone=request.param == "fast")


@pytest.fixture(scope="module")
def careful() -> Tagger:
    return load_tagger()


@pytest.mark.parametrize(
    ("text", "area"),
    [
        (DAMP, "housing"),
        ("No NHS dentist takes new patients and the waiting list is closed.", "nhs-services"),
        ("Raw sewage from the water company runs into the river.", "water-and-flooding"),
        (
            "Asylum seekers wait two years in the hotel for a decision of the Home Office.",
            "borders-and-immigration",
        ),
        (
            "Our EHCP tribunal took a year; no special school has a place for an autistic boy.",
            "special-educational-needs",
        ),
        (
            "Men leave prison with a tent and a probation appointment far away.",
            "prisons-and-probation",
        ),
        ("Universal Credit deductions leave claimants with nothing.", "welfare-and-benefits"),
    ],
)
def test_everyday_texts_get_their_area_first(tagger: Tagger, text: str, area: str) -> None:
    tagging = tagger.tag(text)
    assert tagging.abstained is None
    assert tagging.areas[0].area == area


def test_areas_stand_in_order_and_are_the_first_of_the_candidates(tagger: Tagger) -> None:
    text = f"{DAMP} Others have lost Universal Credit after a sanction at the jobcentre."
    tagging = tagger.tag(text)
    given = [each.probability for each in tagging.areas]
    assert len(given) > 1
    assert given == sorted(given, reverse=True)
    assert {each.area for each in tagging.areas} <= {each.area for each in tagging.candidates}
    assert len(tagging.candidates) == 10
    assert len(tagging.department_candidates) == 5


def test_reasons_are_words_of_the_text_and_say_something(tagger: Tagger) -> None:
    text = f"In 2024 and 2025, 31 of 40 families told us: {DAMP}"
    tagging = tagger.tag(text)
    reasons = tagging.areas[0].reasons
    assert {"landlord", "mould", "damp", "flats", "tenants"} & set(" ".join(reasons).split())
    for reason in reasons:
        assert reason in text.lower()
        assert not STOP_WORDS & set(reason.split())
        assert not any(character.isdigit() for character in reason)


def test_tags_name_the_model_and_the_vocabulary(tagger: Tagger) -> None:
    tagging = tagger.tag(DAMP)
    assert tagging.model_version == tagger.version == load_model().version
    assert tagging.vocabulary_version == load_policy_areas().version
    assert tagging.threshold_version == load_model().thresholds.version


def test_a_text_gets_the_same_tags_alone_and_among_others(tagger: Tagger) -> None:
    texts = [DAMP, "", "The bus no longer stops at the hospital.", DAMP * 30, "Dim diolch."]
    assert tagger.tag_many(texts) == [tagger.tag(text) for text in texts]
    assert tagger.tag_many([]) == []


def test_a_second_issue_at_the_end_of_a_long_text_is_found_and_pointed_to(tagger: Tagger) -> None:
    second = (
        "Quite apart from that, the number fourteen bus was cut again, the train no longer "
        "stops at our station, and railway fares have gone up for every passenger."
    )
    long = f"{DAMP} " * 12 + "\n\n" + second
    tagging = tagger.tag(long)
    assert tagging.reader == ("careful" if tagger.careful else "fast"), "however sure the first is"
    tags = {tag.area: tag for tag in tagging.areas}
    passage = tags["public-transport"].passage
    assert passage is not None
    assert second[:40] in long[passage.start : passage.end]
    assert {"train", "bus", "railway", "fares", "station", "passenger"} & set(
        " ".join(tags["public-transport"].reasons).split()
    )


def test_what_the_careful_reader_read_says_so(careful: Tagger) -> None:
    text = "She was moved forty miles away and the children cannot get to their lessons."
    assert careful.tag(text).reader == "careful"
    assert load_tagger(fast_alone=True).tag(text).reader == "fast"


def test_other_thresholds_apply_to_the_scores_that_a_tag_keeps(tagger: Tagger) -> None:
    model = load_model()
    lower = replace(
        model.thresholds,
        version="lower",
        areas=dict.fromkeys(model.areas, 0.05),
    )
    under_lower = Tagger(replace(model, thresholds=lower), load_rules(), tagger.careful)
    for text in (DAMP, f"{DAMP} The bus was cut.", "Thank you.", "Selling a grey sofa, as new."):
        old, new = tagger.tag(text), under_lower.tag(text)
        moved = retag(old, model.areas, lower)
        assert [tag.area for tag in moved.areas] == [tag.area for tag in new.areas]
        assert [tag.probability for tag in moved.areas] == [tag.probability for tag in new.areas]
        assert moved.abstained == new.abstained
        assert moved.threshold_version == "lower"
        assert retag(old, model.areas, model.thresholds) == old


@pytest.mark.parametrize(
    ("text", "language", "reason"),
    [
        ("Thank you.", "en", Abstention.TOO_SHORT),
        ("", "en", Abstention.TOO_SHORT),
        ("1234 5678 !!!", "en", Abstention.TOO_SHORT),
        (
            "Mae ein gwirfoddolwyr yn gweld mwy o deuluoedd yn y banc bwyd bob wythnos.",
            "cy",
            Abstention.LANGUAGE,
        ),
        (
            "Mae ein gwirfoddolwyr yn gweld mwy o deuluoedd yn y banc bwyd bob wythnos.",
            "en",
            Abstention.LANGUAGE,
        ),
        ("Diolch yn fawr iawn.", "cy", Abstention.LANGUAGE),
        (
            "Nasi wolontariusze widzą coraz więcej rodzin, które nie mają za co kupić jedzenia.",
            "pl",
            Abstention.LANGUAGE,
        ),
        ("我们的志愿者每周看到越来越多的家庭来到食物银行。", "en", Abstention.LANGUAGE),
        (
            "Selling a sofa with three seats, grey, hardly sat upon. Collection from our porch.",
            "en",
            Abstention.OUT_OF_SCOPE,
        ),
        (
            "Could whoever borrowed the urn from the hall kitchen please bring it back by Sunday.",
            "en",
            Abstention.OUT_OF_SCOPE,
        ),
    ],
)
def test_abstentions_have_their_reason(
    tagger: Tagger, text: str, language: str, reason: Abstention
) -> None:
    tagging = tagger.tag(text, language)
    assert tagging.abstained is reason
    assert tagging.areas == ()


@pytest.mark.parametrize(
    ("text", "declared", "language"),
    [
        ("Mae ein gwirfoddolwyr yn gweld mwy o deuluoedd yn y banc bwyd.", "en", "cy"),
        ("Dim deintydd. Dim un.", "en", "cy"),
        ("Nasi wolontariusze widzą coraz więcej rodzin bez jedzenia.", "pl", "pl"),
        ("Nasi wolontariusze widzą coraz więcej rodzin bez jedzenia.", "en", "und"),
        (DAMP, "cy", None),
    ],
)
def test_an_unread_language_is_named(
    tagger: Tagger, text: str, declared: str, language: str | None
) -> None:
    assert tagger.tag(text, declared).unread_language == language


def test_nothing_less_probable_stands_without_the_first_area() -> None:
    thresholds = Thresholds(
        version="t", areas={"a": 0.9, "b": 0.1}, first_at=0.95, out_of_scope_at=1, careful_below=0
    )
    assert areas_over(("a", "b"), (0.6, 0.2), thresholds) == [0, 1]
    assert areas_over(("a", "b"), (0.6, 0.05), thresholds) == []
    assert areas_over(("a", "b"), (0.96, 0.05), thresholds) == [0]


def test_english_with_welsh_names_or_another_declared_language_is_read(tagger: Tagger) -> None:
    text = f"At Pwllheli and Aberystwyth, {DAMP.lower()}"
    assert tagger.tag(text, "en").abstained is None
    assert tagger.tag(text, "cy").abstained is None


def test_critical_and_supportive_words_on_the_same_facts_get_the_same_areas(
    tagger: Tagger,
) -> None:
    critical = f"It is a disgrace, and nobody listens to us. {DAMP}"
    supportive = f"We are grateful for all that was done, thank you. {DAMP}"
    assert [each.area for each in tagger.tag(critical).areas] == [
        each.area for each in tagger.tag(supportive).areas
    ]
