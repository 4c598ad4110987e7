"""Decides who may be given a key, and issues it."""

from collections.abc import Callable
from datetime import datetime

from pydantic import ValidationError

from schemas.departments import Departments
from schemas.feedback import Organisation
from services.accounts.key_store import KeyStore, KeyTaken, StoredKey
from services.accounts.keys import Key, Role, digest, draw_key

_DRAWS = 3


class CannotIssue(ValueError):  # noqa: N818 - says what is the matter
    """The order for a key is wrong; the message says what to change."""


def draw_for(
    role: Role,
    subject: str,
    name: str,
    *,
    org_id: str | None = None,
    departments: Departments,
    random_bytes: Callable[[int], bytes],
    now: datetime,
    reads_text: bool = False,
) -> tuple[Key, StoredKey]:
    """A key for somebody who may have one, and what is to be stored of it; nothing is stored yet.

    `subject` is an organisation's id for a charity, a GOV.UK slug or permanent code for a
    department. Raises `CannotIssue` for a wrong order.
    """
    subject, name = _holder(role, subject, name, org_id, departments)
    if reads_text and role != "operator":
        raise CannotIssue("only an operator's key can read text: leave that out")
    key = draw_key(role, random_bytes)
    return key, StoredKey(
        key.key_id,
        role,
        subject,
        name,
        org_id,
        digest(key.secret),
        now,
        reads_text=reads_text,
    )


async def issue_key(
    store: KeyStore,
    role: Role,
    subject: str,
    name: str,
    *,
    org_id: str | None = None,
    departments: Departments,
    random_bytes: Callable[[int], bytes],
    now: datetime,
    reads_text: bool = False,
) -> Key:
    """Creates a key as `draw_for` draws it and returns it: the only time that its secret is known.

    Raises `CannotIssue` for a wrong order, `Unavailable` while the database is away.
    """
    for _ in range(_DRAWS):
        key, stored = draw_for(
            role,
            subject,
            name,
            org_id=org_id,
            departments=departments,
            random_bytes=random_bytes,
            now=now,
            reads_text=reads_text,
        )
        try:
            await store.create(stored)
        except KeyTaken:
            continue
        return key
    raise CannotIssue("no free key id was drawn: is the source of randomness broken?")


def _holder(
    role: Role, subject: str, name: str, org_id: str | None, departments: Departments
) -> tuple[str, str]:
    """The subject and name as they are kept."""
    if role == "department":
        if departments.has_slug(subject):
            department = departments.by_slug(subject)
        elif subject in departments:
            department = departments.by_code(subject)
        else:
            raise CannotIssue(
                f"no department has the GOV.UK slug or permanent code {subject!r}."
                " schemas/data/departments.json lists them"
            )
        subject, name = department.code, name or department.name.en
    if role != "charity" and org_id:
        raise CannotIssue("only a charity's key has an org-id: leave it out")
    if role == "operator":
        name = name or subject
    if not name:
        raise CannotIssue("give the organisation's name")
    try:
        Organisation(id=subject, name=name, org_id=org_id)
    except ValidationError as error:
        item = error.errors(include_url=False)[0]
        field = {"id": "subject", "org_id": "org-id"}.get(str(item["loc"][0]), str(item["loc"][0]))
        raise CannotIssue(f"{field}: {item['msg']}") from None
    return subject, name
