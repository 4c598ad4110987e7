"""Who acts: the operator whose key it is."""

from dataclasses import dataclass

from services.accounts.authentication import Credential
from services.console.errors import WrongInput

_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator's account, never a person. `reads_text`: the key may show what people wrote."""

    name: str
    key_id: str
    reads_text: bool


BOOTSTRAP = Operator("bootstrap", "", reads_text=False)
"""Who creates the first operator's key, while there never was one."""

BREAK_GLASS = Operator("bootstrap", "break-glass", reads_text=False)
"""Who creates an operator's key where none is left that could."""


def operator_of(credential: Credential) -> Operator:
    """The operator of an operator's credential."""
    assert credential.role == "operator"
    return Operator(credential.subject, credential.key_id, credential.reads_text)


def stated(reason: str) -> str:
    """The reason as it is kept in the audit; raises `WrongInput` where there is none to keep."""
    kept = " ".join(reason.split())
    if not kept or len(kept) > _LONGEST_REASON or not kept.isprintable():
        raise WrongInput(
            f"Give a reason, in plain text of at most {_LONGEST_REASON} characters: it is audited"
        )
    return kept
