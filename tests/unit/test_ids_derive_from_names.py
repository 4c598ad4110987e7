"""Derived ids are UUIDv5, as any other program would derive them."""

from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import derive_id, read_feedback_key


@given(st.uuids(), st.text())
def test_an_id_is_the_uuid_version_5_of_its_name(namespace: UUID, name: str) -> None:
    assert derive_id(namespace, name) == str(uuid5(namespace, name))


@pytest.mark.parametrize(
    "key",
    [None, b"", b"jane.smith@example.org", b"-" * 36, b"abcdef012345-" + b"a" * 23, b"\xff" * 36],
)
def test_a_strangers_key_is_no_feedback_id(key: bytes | None) -> None:
    assert read_feedback_key(key) is None


def test_our_own_key_is_the_feedback_id() -> None:
    made = derive_id(UUID(int=1), "a name")
    assert read_feedback_key(made.encode()) == made
