"""A cursor is a place in the log: opaque to clients, exact for us, refused when it is not ours."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.departments.stream_log import (
    MalformedCursor,
    is_behind,
    read_cursor,
    write_cursor,
)

positions = st.dictionaries(
    st.integers(min_value=0, max_value=1_000), st.integers(min_value=0, max_value=2**59)
)


@given(positions)
def test_a_cursor_reads_back_as_the_place_it_was_written_for(place: dict[int, int]) -> None:
    cursor = write_cursor(place)
    assert read_cursor(cursor) == place
    assert cursor.isascii()
    assert not set(cursor) & set("\r\n =")


@given(st.text(max_size=60))
def test_any_other_text_is_refused_or_is_a_cursor(text: str) -> None:
    try:
        place = read_cursor(text)
    except MalformedCursor:
        return
    assert write_cursor(place) == text


@pytest.mark.parametrize(
    "plain",
    ["", "2;0:1", "1;0", "1;0:-1", "1;0:1,0:2", "1;1:0,0:1", "1;0:01", "1;0:1:2", "1;x:1", "1;0:²"],
)
def test_what_looks_like_a_cursor_is_refused(plain: str) -> None:
    with pytest.raises(MalformedCursor):
        read_cursor(urlsafe_b64encode(plain.encode()).decode().rstrip("="))


def test_a_cursor_of_absurd_length_is_refused() -> None:
    with pytest.raises(MalformedCursor):
        read_cursor("A" * 1_000_000)


def test_behind_is_decided_by_partition() -> None:
    assert is_behind({0: 5}, {0: 6})
    assert is_behind({0: 5}, {0: 5, 1: 1})
    assert not is_behind({0: 5, 1: 1}, {0: 5})
    assert not is_behind({}, {0: 0})
