"""A key is recognisable, random enough, checked for typing errors, and stored as a digest alone."""

import secrets

import pytest

from services.accounts.keys import ROLES, Key, NotAKey, digest, draw_key, matches, parse_key


def test_a_drawn_key_is_read_back() -> None:
    for role in ROLES:
        key = draw_key(role, secrets.token_bytes)
        assert parse_key(key.text()) == key
        assert key.text().startswith(f"fl_{role[0]}_{key.key_id}_")


def test_the_secret_has_at_least_128_random_bits() -> None:
    drawn = 0

    def count(size: int) -> bytes:
        nonlocal drawn
        drawn = max(drawn, size)
        return secrets.token_bytes(size)

    draw_key("charity", count)
    assert drawn * 8 >= 128


def test_every_single_typing_error_is_found_without_the_database() -> None:
    text = draw_key("charity", secrets.token_bytes).text()
    for position in range(len(text)):
        wrong = "x" if text[position] != "x" else "y"
        with pytest.raises(NotAKey) as raised:
            parse_key(text[:position] + wrong + text[position + 1 :])
        assert text not in str(raised.value)


@pytest.mark.parametrize("text", ["", "fl_", "fl_c__", "Bearer", "fl_c_é", "x" * 100_000])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NotAKey):
        parse_key(text)


def test_only_the_right_secret_matches_the_digest() -> None:
    key = draw_key("operator", secrets.token_bytes)
    other = draw_key("operator", secrets.token_bytes)
    assert matches(key, digest(key.secret))
    assert not matches(other, digest(key.secret))
    assert key.secret.encode() not in digest(key.secret)


def test_a_key_does_not_show_its_secret_in_logs() -> None:
    key = draw_key("charity", secrets.token_bytes)
    assert key.secret not in repr(key)
    assert isinstance(key, Key)
