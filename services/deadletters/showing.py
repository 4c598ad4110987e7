"""Turns bytes of unknown origin into lines that a terminal or a page can show without harm."""

from services.runtime.plain_text import escape

_ROW = 16
_SAFE_CONTROLS = "\n\t"


def show_bytes(value: bytes) -> str:
    r"""The text, with `\u001b` for what steers a terminal, turns the direction of writing or has no
    width; a hex dump, place, bytes and their ASCII, where it is not UTF-8 or most does not print.
    """
    text = _text_of(value)
    return hex_dump(value) if text is None else escape(text, keep=_SAFE_CONTROLS)


def show_line(value: bytes) -> str:
    """As one line: the text with escapes for what does not print, else its bytes with escapes."""
    text = _text_of(value)
    return repr(value)[2:-1] if text is None else escape(text)


def hex_dump(value: bytes) -> str:
    """Sixteen bytes a line, as `hexdump -C` has it."""
    return "\n".join(_row(value[at : at + _ROW], at) for at in range(0, len(value), _ROW))


def _text_of(value: bytes) -> str | None:
    """With lines that end as ours do; none for what was not meant to be read."""
    try:
        text = value.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None
    harmful = sum(not (char.isprintable() or char.isspace()) for char in text)
    return text if 2 * harmful <= len(text) else None


def _row(part: bytes, at: int) -> str:
    cells = f"{part[:8].hex(' '):23}  {part[8:].hex(' '):23}"
    ascii_of = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
    return f"{at:08x}  {cells}  |{ascii_of}|"
