"""Decides what a text's words and terms are: the one tokeniser of training and of tagging."""

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from schemas.feedback import MAX_TEXT_CHARACTERS

_WORD = re.compile(r"[a-zà-ÿŵŷ]+(?:'[a-zà-ÿŵŷ]+)*")
_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,500}>")
# Soft hyphen, zero-width characters, marks of direction and the byte order mark: invisible.
_UNSEEN_OR_PLAIN: dict[int, str | None] = dict.fromkeys(
    [0x00AD, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065)]
) | {0x2019: "'"}
_MAX_WORD = 40

# Grammar: these words never count.
_GRAMMAR = """
    a about above after again against ago all almost also although always am an and another any
    anyone anything are as at be because been before being below between both but by came can
    cannot come could did do does doing done down during each either else enough even ever every
    few for from gave get gets getting give given gives go goes going gone got had has have having
    he her here hers herself him himself his how however i if in instead into is it its itself
    just keep kept knew know known less let lets like ll lot made make makes many may me might
    mine more most much must my myself near never next no nobody none nor not nothing now of often
    on once onto or other others our ours ourselves out over own per perhaps please put quite
    rather re really said same saw say says see seen shall she should since so some someone
    something soon still such take taken takes taking tell tells than that the their theirs them
    themselves then there therefore these they thing things this those though through thus to
    told too took under until up upon us use used using ve very via want wants was way we well
    went were what when where whether which while who whole whom whose why will with within
    without would yes yet you your yours yourself yourselves
    isn't aren't wasn't weren't don't doesn't didn't can't couldn't won't wouldn't shouldn't
    hasn't haven't hadn't i'm i've i'd i'll it's that's there's we're we've we'd we'll they're
    they've you're you've he's she's who's what's let's
"""
STOP_WORDS = frozenset(_GRAMMAR.split())

# Words that say something only beside another one: common words, and Parliament's set phrases.
_COMMON = """
    ask asked last least longer need off one two three four five six ten first second right
    further year month week day today time date latest minister secretary department departmental
    statement assessment assess assessed step plan potential merit effect impact adequacy recent
    discussion cabinet colleague estimate progress pursuant answer question written oral number
    reference hon member friend noble lord bringing forward legislative proposal january february
    march april june july august september october november december government uk find long
    people local area
"""
WEAK_STEMS = frozenset(_COMMON.split())


def clean(text: str) -> str:
    """Cuts the text to what intake accepts, drops tags and invisible characters, lower-cases."""
    text = text[:MAX_TEXT_CHARACTERS]
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_UNSEEN_OR_PLAIN)
    return text.lower()


def words_in(text: str) -> list[str]:
    """Lists the words of a text as they stand there, lower-cased; numbers are no words."""
    return _WORD.findall(clean(text))


@lru_cache(maxsize=100_000)
def stem_of(word: str) -> str:
    """Brings a word to the form in which it counts; empty when it does not count."""
    if word in STOP_WORDS or len(word) > _MAX_WORD:
        return ""
    if word.endswith("'s"):
        word = word[:-2]
    if len(word) < 2:
        return ""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "as")):
        return word[:-1]
    return word


def stems_of(words: Iterable[str]) -> list[str]:
    """The words that count, in their counting form and in order."""
    return list(filter(None, map(stem_of, words)))


def terms_from(stems: Sequence[str]) -> list[str]:
    """Stems that say something alone, then each two neighbouring stems as one term."""
    singles = [stem for stem in stems if stem not in WEAK_STEMS]
    return singles + [f"{first} {second}" for first, second in pairwise(stems)]


def terms_of(text: str) -> list[str]:
    """Every term of a text."""
    return terms_from(stems_of(words_in(text)))
