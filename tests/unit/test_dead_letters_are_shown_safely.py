"""Bytes of unknown origin never steer the terminal that shows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.deadletters.showing import hex_dump, show_bytes, show_line


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Llanfair\n\tdamp ½ €", "Llanfair\n\tdamp ½ €"),
        ("Two lines\r\nof Windows", "Two lines\nof Windows"),
        ("£\N{NO-BREAK SPACE}40 a\N{THIN SPACE}week", "£ 40 a week"),
        ("over\N{SOFT HYPHEN}crowded", "over\\u00adcrowded"),
        ("a \N{WOMAN}\N{ZERO WIDTH JOINER}\N{BOY}", "a \N{WOMAN}\\u200d\N{BOY}"),
        ("all\x1b[2J gone", "all\\u001b[2J gone"),
        ("one byte\x9b2J", "one byte\\u009b2J"),
        ("over\rwritten", "over\\u000dwritten"),
        ("ends with\x00", "ends with\\u0000"),
        ("turned \u202eround", "turned \\u202eround"),
        ("tag \U000e0041", "tag \\U000e0041"),
    ],
)
def test_text_is_shown_as_text_and_what_harms_is_written_out(value: str, shown: str) -> None:
    assert show_bytes(value.encode()) == shown


@pytest.mark.parametrize(
    "value",
    [b"\xff\xfe", b"damp \xff", b"\x00\x00\x01a", b"\x1b\x1b\x1b[2", "\u202e\u200b!".encode()],
    ids=["not UTF-8", "partly UTF-8", "binary", "escapes", "invisible"],
)
def test_what_was_not_meant_to_be_read_is_dumped(value: bytes) -> None:
    assert show_bytes(value) == hex_dump(value)
    assert show_bytes(value).startswith("00000000  ")


def test_a_line_stays_one_line() -> None:
    assert show_line("Ärger\nTypeError".encode()) == "Ärger\\u000aTypeError"
    assert show_line(b"damp \xff\n") == "damp \\xff\\n"


def test_a_dump_has_place_bytes_and_ascii() -> None:
    assert hex_dump(b"0123456789abcdef\x1bZ").splitlines() == [
        "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|",
        "00000010  1b 5a                                             |.Z|",
    ]
    assert hex_dump(b"") == ""


@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(str.encode)))
def test_whatever_the_bytes_what_is_shown_prints(value: bytes) -> None:
    assert all(char.isprintable() or char in "\n\t" for char in show_bytes(value))
    assert show_line(value).isprintable()
