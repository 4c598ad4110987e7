"""Bytes of unknown origin never steer the terminal that shows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.deadletters.showing import hex_dump, show_bytes, show_line


def test_text_is_shown_as_text() -> None:
    assert show_bytes("Llanfair\n\tdamp ½ €".encode()) == "Llanfair\n\tdamp ½ €"


@pytest.mark.parametrize(
    "value",
    [b"\xff\xfe", b"a\x1b[2Jb", b"a\x00", b"a\rb", "a\u202eb".encode(), "a\u200bb".encode()],
    ids=["not UTF-8", "escape", "zero", "carriage return", "turns direction", "invisible"],
)
def test_anything_else_is_dumped(value: bytes) -> None:
    assert show_bytes(value) == hex_dump(value)
    assert show_bytes(value).startswith("00000000  ")


def test_a_dump_has_place_bytes_and_ascii() -> None:
    assert hex_dump(b"0123456789abcdef\x1bZ").splitlines() == [
        "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|",
        "00000010  1b 5a                                             |.Z|",
    ]
    assert hex_dump(b"") == ""


@given(st.binary(max_size=80))
def test_whatever_the_bytes_what_is_shown_prints(value: bytes) -> None:
    assert all(char.isprintable() or char in "\n\t" for char in show_bytes(value))
    assert show_line(value).isprintable()
