"""Why an operation did not do what it was asked for.

    Refusal
    ├── NotFound          what was named is not there
    │   └── NothingMatched    the filter is sound and nothing is like it
    ├── NotAllowed        the key is missing, wrong, or may not do this
    ├── WrongInput        what was asked for makes no sense
    │   └── Conflict          it would, and not as things are
    │       └── Ended             what it is asked of has ended
    ├── Busy              another process has it in hand: not now
    └── NoRoom            this machine's disk takes no more of what it needs meanwhile

Beside them operations raise `Unavailable` of `services.runtime.errors`: Kafka or MongoDB is away.
"""


class Refusal(Exception):  # noqa: N818 - these say what is the matter
    """The root. Its message is one line and says what to do; it never quotes a person's words."""


class NotFound(Refusal):
    """What was named is not there."""


class NothingMatched(NotFound):
    """No item is as the filter says."""


class NotAllowed(Refusal):
    """The key is missing, wrong, or may not do this."""


class WrongInput(Refusal):
    """What was asked for makes no sense as it is."""


class Conflict(WrongInput):
    """What was asked for makes sense, and cannot be as things are."""


class Ended(Conflict):
    """What was named has ended, or was done already: too late for this."""


class Busy(Refusal):
    """Another process has what was named in hand: it can be asked for later."""


class NoRoom(Refusal):
    """This machine's disk takes no more of what is needed meanwhile."""
