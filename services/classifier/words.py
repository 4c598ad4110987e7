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
_KEPT_WHOLE = frozenset({"news", "means", "lords", "commons"})

# Grammar: these words never count.
_GRAMMAR = """
    a able about above across after afterwards again against ago all almost alone along already
    also although always am among amongst an and another any anybody anyhow anyone anything
    anyway anywhere are around as at be became because become becomes becoming been before
    behind being below beside besides between beyond bit both but by came can cannot cant come
    cos could couldnt coz cuz dear did didnt do does doesnt doing done dont down dr due during
    each eg either else elsewhere enough etc even ever every everybody everyone everything
    everywhere except few for former from front full gave get gets getting give given gives go
    goes going gone got had has hasnt have having he hello hence her here hers herself hes hi
    him himself his how however i id ie if im in indeed instead into is isnt it its itself ive
    just keep kept knew know known less let lets like ll lot lots made make makes many may maybe
    me meanwhile might mine more moreover most mostly mr mrs ms much must my myself near neither
    never nevertheless next no nobody none nor not nothing now nowhere of often ok okay on once
    only onto or other others otherwise our ours ourselves out over own part per perhaps please
    put quite rather re really regards said same saw say says see seem seemed seems seen several
    shall she shes should show shown shows side since sincerely so some somebody somehow someone
    something sometime sometimes somewhere soon still such take taken takes taking tell tells
    than thank thanks that thats the their theirs them themselves then there therefore these
    they theyre theyve thing things this those though through throughout thus to together told
    too took top toward towards under unless until up upon us use used using ve very via want
    wants was wasnt way ways we well went were weve what whatever when whenever where whereas
    wherever whether which while whilst who whoever whole whom whose why will with within
    without wont would wouldnt yeah yes yet you your youre yours yourself yourselves
    isn't aren't wasn't weren't don't doesn't didn't can't couldn't won't wouldn't shouldn't
    hasn't haven't hadn't i'm i've i'd i'll it's that's there's we're we've we'd we'll they're
    they've you're you've he's she's who's what's let's
"""
STOP_WORDS = frozenset(_GRAMMAR.split())

# Words that say something only beside another one: common words, and Parliament's set phrases.
_COMMON = """
    ask asked last least longer need off one two three four five six ten first second right
    further year month week day today time date latest minister secretary department
    departmental statement assessment assess assessed step plan potential merit effect impact
    adequacy recent discussion cabinet colleague estimate progress pursuant answer question
    written oral number reference hon member friend noble lord bringing forward legislative
    proposal january february march april june july august september october november december
    government uk find long people local area seven eight nine eleven twelve fifteen twenty
    thirty forty fifty sixty hundred thousand third half twice amount found empty move back
    serious detail interest good bad best great new old big small little different early late
    morning afternoon evening night monday tuesday wednesday thursday friday saturday sunday
    spring autumn started ended man lady
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
    return words_in_clean(clean(text))


def words_in_clean(cleaned: str) -> list[str]:
    """Lists the words of a text that `clean` has been over."""
    return _WORD.findall(cleaned)


def words_with_places(cleaned: str) -> list[tuple[str, int]]:
    """The words of a text that `clean` has been over, each with its first character."""
    return [(match[0], match.start()) for match in _WORD.finditer(cleaned)]


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
        return word if word in _KEPT_WHOLE else word[:-1]
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
