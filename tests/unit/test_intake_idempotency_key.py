"""The Idempotency-Key is a bare word or a quoted string; both name one key, anything else none."""

import pytest

from services.intake.idempotency import MalformedKey, read_idempotency_key


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        (' "abc" ', "abc"),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ('"two words, and; more"', "two words, and; more"),
        (r'"say \"hi\" \\ bye"', 'say "hi" \\ bye'),
        ("dGVzdA==", "dGVzdA=="),
        ("x" * 255, "x" * 255),
        (f'"{"x" * 255}"', "x" * 255),
    ],
)
def test_a_key_is_read_in_either_form(header: str, key: str) -> None:
    assert read_idempotency_key(header) == key


@pytest.mark.parametrize(
    "header",
    [
        *("", '""', " ", '"', '"abc', 'abc"', '"a"b"', "two words", "a,b", '"a";p=1'),
        *("kéy", '"ké"', "x" * 256, f'"{"x" * 256}"', "a\x00b", "a\x7fb", r'"\x"', "a\\b"),
    ],
)
def test_a_malformed_key_is_refused_in_words(header: str) -> None:
    with pytest.raises(MalformedKey, match=r"Idempotency-Key"):
        read_idempotency_key(header)
