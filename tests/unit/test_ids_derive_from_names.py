"""Derived ids are UUIDv5, as any other program would derive them."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import derive_id


@given(st.uuids(), st.text())
def test_an_id_is_the_uuid_version_5_of_its_name(namespace: UUID, name: str) -> None:
    assert derive_id(namespace, name) == str(uuid5(namespace, name))
