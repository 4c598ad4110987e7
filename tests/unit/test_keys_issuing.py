"""Issuing: a key is created for someone who exists, and wrong orders say what to change."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from schemas.departments import load_departments
from services.accounts.issuing import CannotIssue, issue_key
from services.accounts.key_store import MemoryKeyStore
from services.accounts.keys import Role

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("role", "subject", "name", "org_id", "said"),
    [
        ("department", "ministry-of-magic", "", None, "GOV.UK slug"),
        ("charity", "", "Advice Shed", None, "subject"),
        ("charity", "org-1", "", None, "name"),
        ("charity", "org-1", "Advice\x00Shed", None, "NUL"),
        ("charity", "org-1", "Advice Shed", "1234567", "org-id"),
        ("operator", "hub", "", "GB-CHC-1234567", "org-id"),
    ],
)
async def test_a_wrong_order_says_what_to_change(
    role: Role, subject: str, name: str, org_id: str | None, said: str
) -> None:
    store = MemoryKeyStore()
    with pytest.raises(CannotIssue, match=said):
        await issue_key(
            store,
            role,
            subject,
            name,
            org_id=org_id,
            departments=load_departments(),
            random_bytes=secrets.token_bytes,
            now=NOW,
        )
    assert await store.every() == []


async def test_a_taken_key_id_is_drawn_again() -> None:
    store = MemoryKeyStore()
    draws: Iterator[bytes] = iter(
        [b"aaaaa", b"1" * 20, b"aaaaa", b"2" * 20, b"bbbbb", b"3" * 20],
    )
    keys = [
        await issue_key(
            store,
            "charity",
            f"org-{number}",
            "Advice Shed",
            departments=load_departments(),
            random_bytes=lambda _size: next(draws),
            now=NOW,
        )
        for number in range(2)
    ]
    assert keys[0].key_id != keys[1].key_id
    assert len(await store.every()) == 2
