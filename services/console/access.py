"""Decides who acts at the command line, from an operator's key."""

from services.accounts.authentication import credential_of
from services.accounts.key_store import MongoKeyStore
from services.accounts.keys import Key, NotAKey, parse_key
from services.console.connections import Connections
from services.console.errors import NotAllowed
from services.console.operator import BOOTSTRAP, Operator, operator_of

_MISSING = (
    "Set FRONTLINE_OPERATOR_KEY to an operator's key:"
    " keys create --role operator makes one, if you have one already or there is none yet"
)
_WRONG = "FRONTLINE_OPERATOR_KEY is mistyped, unknown, revoked or expired: ask for a new one"
_OTHER_ROLE = "FRONTLINE_OPERATOR_KEY is a {role}'s key: an operator's is needed"


async def known_operator(
    connections: Connections, text: str | None, *, bootstrap: bool = False
) -> Operator:
    """The operator whose key this is.

    With `bootstrap` nobody needs a key while there is no live operator's key. Raises `NotAllowed`,
    and `Unavailable` while MongoDB is away.
    """
    store = MongoKeyStore(connections.database)
    now = connections.clock()
    if not text and bootstrap:
        live = [key for key in await store.every() if key.role == "operator" and key.is_live(now)]
        if not live:
            return BOOTSTRAP
    key = _operators_key(text)
    credential = credential_of(await store.find(key.key_id), key, now)
    if credential is None:
        raise NotAllowed(_WRONG)
    return operator_of(credential)


def named_operator(text: str | None) -> Operator:
    """Whose key it claims to be, unchecked: enough to read how a pipeline is while MongoDB is away.

    Raises `NotAllowed` for a text that is no operator's key.
    """
    return Operator("unchecked", _operators_key(text).key_id, reads_text=False)


def _operators_key(text: str | None) -> Key:
    if not text:
        raise NotAllowed(_MISSING)
    try:
        key = parse_key(text.strip())
    except NotAKey:
        raise NotAllowed(_WRONG) from None
    if key.role != "operator":
        raise NotAllowed(_OTHER_ROLE.format(role=key.role))
    return key
