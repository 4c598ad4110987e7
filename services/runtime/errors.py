"""The four errors that decide what happens to a record or a request.

    ConsumeError
    ├── Malformed     the bytes are not what they should be           → dead letter
    ├── Permanent     this record can never be handled                → dead letter
    ├── Transient     this record failed now and may succeed later    → retried, then dead letter
    └── Unavailable   a dependency is away; nothing is wrong with it  → stays, however long it takes

When unsure, as with time-outs, connections and elections, it is `Unavailable`: an outage is never
a reason to give a record up.
"""


class ConsumeError(Exception):
    """The root. Messages name places and kinds, never a person's words: they reach logs."""


class Malformed(ConsumeError):  # noqa: N818 - the four names are the vocabulary of the contract
    """The bytes are not an event of the topic's type."""


class Permanent(ConsumeError):  # noqa: N818
    """The event is sound and can never be handled."""


class Transient(ConsumeError):  # noqa: N818
    """This record failed and may succeed when tried again."""


class Unavailable(ConsumeError):  # noqa: N818
    """A dependency is away: no primary, no connection, a deadline passed."""


def classify(error: Exception) -> ConsumeError:
    """Sorts any exception into the tree: known ones stay, broken connections and deadlines are
    `Unavailable`, everything else is a failure of this record.
    """
    if isinstance(error, ConsumeError):
        return error
    if isinstance(error, TimeoutError | OSError):
        return Unavailable(describe(error))
    return Transient(describe(error))


def describe(error: BaseException) -> str:
    """Names an exception by its class alone: foreign messages may carry a person's words."""
    if isinstance(error, ConsumeError):
        return str(error)
    return type(error).__qualname__
