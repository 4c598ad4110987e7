"""The demo's keys are kept over starts, and made anew where the database lost them."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.local.keys import provide_keys, read_demo, write_demo
from schemas.departments import load_departments
from services.accounts.key_store import MemoryKeyStore
from services.accounts.keys import parse_key


def now() -> datetime:
    return datetime(2026, 6, 1, tzinfo=UTC)


async def keys(store: MemoryKeyStore, kept: dict[str, Any]) -> dict[str, Any]:
    return await provide_keys(store, kept, load_departments(), now)


async def test_every_open_department_the_hub_a_charity_and_an_operator_have_a_key() -> None:
    made = await keys(MemoryKeyStore(), {})
    open_now = {each.slug for each in load_departments().open_on(now().date())}
    assert set(made["departments"]) == open_now
    assert "partnerships-hub" in open_now
    assert parse_key(made["charity"]).role == "charity"
    assert parse_key(made["operator"]).role == "operator"


async def test_a_second_start_keeps_the_keys() -> None:
    store = MemoryKeyStore()
    first = await keys(store, {})
    assert await keys(store, first) == first


async def test_a_database_that_lost_its_keys_gets_new_ones() -> None:
    first = await keys(MemoryKeyStore(), {})
    again = await keys(MemoryKeyStore(), first)
    assert again["charity"] != first["charity"]
    assert not set(again["departments"].values()) & set(first["departments"].values())


async def test_a_revoked_key_is_replaced_and_the_others_stay() -> None:
    store = MemoryKeyStore()
    first = await keys(store, {})
    await store.revoke(parse_key(first["charity"]).key_id, now())
    again = await keys(store, first)
    assert again["charity"] != first["charity"]
    assert again["departments"] == first["departments"]


async def test_a_key_of_another_department_is_not_taken_for_its_own() -> None:
    store = MemoryKeyStore()
    first = await keys(store, {})
    one, other, *_ = first["departments"]
    swapped = {**first["departments"], one: first["departments"][other]}
    again = await keys(store, {**first, "departments": swapped})
    assert again["departments"][one] != first["departments"][other]


@pytest.mark.parametrize("kept", [{"charity": 7, "departments": []}, {"charity": "not a key"}])
async def test_a_damaged_file_is_no_obstacle(kept: dict[str, Any]) -> None:
    assert parse_key((await keys(MemoryKeyStore(), kept))["charity"])


def test_the_file_is_for_its_owner_only_even_over_an_open_one(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    file.write_text("{}")
    file.chmod(0o644)
    write_demo(file, {"keys": {"charity": "x"}})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_demo(file) == {"keys": {"charity": "x"}}


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps("text")])
def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path, content: str) -> None:
    file = tmp_path / "demo.json"
    file.write_text(content)
    assert read_demo(file) == {}
    assert read_demo(tmp_path / "missing.json") == {}
