"""The one error of a local start."""


class CannotStart(RuntimeError):  # noqa: N818 - says what happened
    """A part cannot start; the message says which, why, and what to do about it."""
