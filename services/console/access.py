"""Decides who acts at the command line, from an operator's key."""

from services.accounts.authentication import credential_of
from services.accounts.key_store import MongoKeyStore
from services.accounts.keys import Key, NotAKey, parse_key
from services.console.connections import Connections
from services.console.errors import NotAllowed
from services.console.operator import BOOTSTRAP, BREAK_GLASS, Operator, operator_of

_MISSING = (
    "Set FRONTLINE_OPERATOR_KEY to an operator's key:"
    " keys create --role operator makes one, if you have one already or there never was one"
)
_NOT_THE_FIRST = (
    "Set FRONTLINE_OPERATOR_KEY: there is or was an operator's key already."
    " Where none is left, FRONTLINE_BREAK_GLASS=true makes one, and the audit says so"
)
_WRONG = "FRONTLINE_OPERATOR_KEY is mistyped, unknown, revoked or expired: ask for a new one"
_OTHER_ROLE = "FRONTLINE_OPERATOR_KEY is a {role}'s key: an operator's is needed"


async def known_operator(connections: Connections, text: str | None) -> Operator:
    """The operator whose key this is.

    Raises `NotAllowed`, and `Unavailable` while MongoDB is away.
    """
    key = _operators_key(text)
    stored = await MongoKeyStore(connections.database).find(key.key_id)
    credential = credential_of(stored, key, connections.clock())
    if credential is None:
        raise NotAllowed(_WRONG)
    return operator_of(credential)


async def first_operator(
    connections: Connections, text: str | None, *, break_glass: bool = False
) -> Operator:
    """As `known_operator`; without a key who makes the first operator's key, while there never was
    one, ended ones included, or any where the glass is broken.
    """
    if text:
        return await known_operator(connections, text)
    if break_glass:
        return BREAK_GLASS
    if any(key.role == "operator" for key in await MongoKeyStore(connections.database).every()):
        raise NotAllowed(_NOT_THE_FIRST)
    return BOOTSTRAP


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
