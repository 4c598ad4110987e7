"""Decides which characters of a stranger's text may reach a terminal, and writes the others out."""

import re
from unicodedata import category

_DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_STEERING = re.compile(f"[\x00-\x1f\x7f-\x9f{_DIRECTION}]")


def steers(text: str) -> bool:
    """Whether it has characters that steer a terminal or turn the direction of writing."""
    return _STEERING.search(text) is not None


def escape(text: str, keep: str = "") -> str:
    r"""The text with every character that does not print as `\u001b`, and any space as a blank.

    What `keep` has stays as it is. What is returned is printable but for that.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in keep else _written_out(char) for char in text
    )


def escape_json(document: str) -> str:
    r"""A JSON document whose strings have `\u009b` for every character that does not print."""
    if document.isprintable():
        return document
    return "".join(char if char.isprintable() else _as_utf_16(char) for char in document)


def _written_out(char: str) -> str:
    if category(char) == "Zs":
        return " "
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _as_utf_16(char: str) -> str:
    pairs = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{pairs[at : at + 2].hex()}" for at in range(0, len(pairs), 2))
