"""Decides whether a text is in a language that the classifier reads: English, for now."""

from collections.abc import Callable, Sequence

from schemas.feedback import MAX_TEXT_CHARACTERS
from services.classifier.words import stems_of

WELSH = "cy"
UNDETERMINED = "und"

_WELSH_WORDS = """
    y yr yn ac ar ei eu ein eich fy dy gan gyda wedi mae maen maent oes oedd roedd nid dim ddim
    nad nac hefyd sydd sy fod bod yw ydy ydyn ydym ond neu os pan pobl yma yno hyn hynny hon hwn
    cael gael ni nhw chi mewn heb dros rhai bob llawer mwy iawn wrth dan rhwng ers fel beth pam
    sut pwy ble rydym rydyn rwy bydd byddai gallu gall rhaid angen gwaith plant ysgol teulu
    teuluoedd cymorth cefnogaeth gwasanaeth gwasanaethau cymru a'r i'r o'r a'i i'w o'i gyda'r
    yw'r mae'r sy'n maen'n ein'n at am yn'r hwnnw honno eraill arall newydd blwyddyn
"""
_WELSH = frozenset(_WELSH_WORDS.split())
_ENGLISH_WORDS = """
    the of and to in is are was were be been has have had it its for on with as at by from that
    this these those they them their there we our us you your he she his her not no but or if so
    who which what when where how why will would can could should must may do does did than then
    more most some any all one an about into out up because while after before only also just my
    me being need needs people get
"""
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_MIN_WORDS = 6
_READ_WORDS = 120  # the first words tell the language
_MIN_SHARE_OF_WELSH = 0.15
_MIN_SHARE_OF_ENGLISH = 0.2
_MIN_SHARE_OF_KNOWN = 0.6


def unread_language(
    text: str, words: Sequence[str], declared: str, knows: Callable[[str], bool]
) -> str | None:
    """The language of a text that the classifier does not read; None where it reads the text.

    `declared` is the language that came with the text. The text's own words decide; a declared
    language decides only about a few words. A list without grammar is English when the model
    `knows` most of its words. What is neither Welsh nor declared is undetermined.
    """
    other = UNDETERMINED if declared.startswith("en") else declared
    if _in_another_script(text, words):
        return other
    different = set(words[:_READ_WORDS])
    if not different:
        return None
    welsh = len(different & _WELSH) / len(different)
    english = len(different & _ENGLISH) / len(different)
    if welsh >= _MIN_SHARE_OF_WELSH and welsh > english:
        return WELSH
    if len(words) < _MIN_WORDS:
        return None if declared.startswith("en") else declared
    if english >= _MIN_SHARE_OF_ENGLISH:
        return None
    stems = stems_of(different)
    return None if sum(map(knows, stems)) >= _MIN_SHARE_OF_KNOWN * len(stems) else other


def _in_another_script(text: str, words: Sequence[str]) -> bool:
    """Whether most letters stand outside the Latin words that were found."""
    latin = sum(map(len, words))
    if text.isascii() or 2 * latin >= len(text):
        return False
    letters = sum(character.isalpha() for character in text[:MAX_TEXT_CHARACTERS])
    return letters - latin > latin and letters - latin >= _MIN_WORDS
