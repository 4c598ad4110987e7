"""Turns bytes of unknown origin into lines that a terminal or a page can show without harm."""

_ROW = 16
_SAFE_CONTROLS = frozenset("\n\t")


def show_bytes(value: bytes) -> str:
    """The text, where it is UTF-8 that only prints; else a hex dump: place, bytes, and their ASCII.

    What steers a terminal or turns the direction of writing does not print, and is dumped.
    """
    text = _text_of(value)
    return hex_dump(value) if text is None else text


def show_line(value: bytes) -> str:
    """As one line: the text where it prints, else its bytes with escapes."""
    text = _text_of(value)
    if text is None or not text.isprintable():
        return repr(value)[2:-1]
    return text


def hex_dump(value: bytes) -> str:
    """Sixteen bytes a line, as `hexdump -C` has it."""
    return "\n".join(_row(value[at : at + _ROW], at) for at in range(0, len(value), _ROW))


def _text_of(value: bytes) -> str | None:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    prints = all(char.isprintable() or char in _SAFE_CONTROLS for char in text)
    return text if prints else None


def _row(part: bytes, at: int) -> str:
    cells = f"{part[:8].hex(' '):23}  {part[8:].hex(' '):23}"
    ascii_of = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
    return f"{at:08x}  {cells}  |{ascii_of}|"
