"""Authentication: who is let in, what the others are told, and what it costs the database."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from time import perf_counter

import pytest

from schemas.departments import load_departments
from services.accounts.authentication import Authenticator, Credential
from services.accounts.issuing import issue_key
from services.accounts.key_store import MemoryKeyStore
from services.accounts.keys import Key, Role
from services.runtime.errors import Unavailable
from services.runtime.problem import Problem

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def issue(store: MemoryKeyStore, role: Role = "charity", subject: str = "org-1") -> Key:
    return await issue_key(
        store,
        role,
        subject,
        "Advice Shed" if role == "charity" else "",
        departments=load_departments(),
        random_bytes=secrets.token_bytes,
        now=NOW,
    )


async def refusal(authenticator: Authenticator, header: str | None) -> Problem:
    with pytest.raises(Problem) as raised:
        await authenticator.authenticate(header)
    return raised.value


async def test_a_live_key_gives_its_credential() -> None:
    store = MemoryKeyStore()
    key = await issue(store)
    expected = Credential("charity", "org-1", "Advice Shed", key.key_id)
    authenticator = Authenticator(store, Clock())
    assert await authenticator.authenticate(f"Bearer {key.text()}") == expected
    assert await authenticator.authenticate(f"bearer  {key.text()} ") == expected


async def test_a_departments_credential_carries_its_permanent_code() -> None:
    store = MemoryKeyStore()
    for subject in ("department-of-health-and-social-care", "DHSC"):
        key = await issue(store, "department", subject)
        credential = await Authenticator(store, Clock()).authenticate(f"Bearer {key.text()}")
        assert credential.subject == "DHSC"


async def test_every_wrong_key_gets_the_same_answer() -> None:
    store = MemoryKeyStore()
    live, gone = await issue(store), await issue(store)
    await store.revoke(gone.key_id, NOW)
    unknown = Key("charity", "00000000", live.secret)
    wrong_secret = Key("charity", live.key_id, gone.secret)
    wrong_role = Key("operator", live.key_id, live.secret)
    authenticator = Authenticator(store, Clock())
    headers = [f"Bearer {key.text()}" for key in (gone, unknown, wrong_secret, wrong_role)]
    headers += [f"Bearer {live.text()[:-1]}x", "Bearer", "Bearer ÿ"]
    answers = [(await refusal(authenticator, header)).document() for header in headers]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["status"] == 401
    assert "ask the operators" in answers[0]["detail"]


@pytest.mark.parametrize("header", [None, "", "Basic Zm9v", "fl_c_"])
async def test_a_missing_key_is_told_how_to_send_it(header: str | None) -> None:
    problem = await refusal(Authenticator(MemoryKeyStore(), Clock()), header)
    assert problem.status == 401
    assert problem.headers["WWW-Authenticate"] == "Bearer"
    assert "Authorization: Bearer <key>" in problem.detail


async def test_a_revocation_is_seen_within_five_seconds() -> None:
    store, clock = MemoryKeyStore(), Clock()
    key = await issue(store)
    authenticator = Authenticator(store, clock)
    await authenticator.authenticate(f"Bearer {key.text()}")
    await store.revoke(key.key_id, NOW)
    clock.now = 5.0
    assert (await refusal(authenticator, f"Bearer {key.text()}")).status == 401


async def test_the_hot_path_asks_the_database_once_and_costs_microseconds() -> None:
    store = MemoryKeyStore()
    header = f"Bearer {(await issue(store)).text()}"
    authenticator = Authenticator(store, Clock())
    store.finds = 0
    await asyncio.gather(*[authenticator.authenticate(header) for _ in range(100)])
    assert store.finds == 1
    started = perf_counter()
    for _ in range(1_000):
        await authenticator.authenticate(header)
    assert (perf_counter() - started) / 1_000 < 100e-6
    assert store.finds == 1


async def test_unknown_keys_are_remembered_but_never_push_out_good_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.accounts.authentication._MAX_REFUSED", 3)
    store = MemoryKeyStore()
    good = f"Bearer {(await issue(store)).text()}"
    authenticator = Authenticator(store, Clock())
    await authenticator.authenticate(good)
    unknown = [f"Bearer {Key('charity', f'0000000{n}', '0' * 32).text()}" for n in range(8)]
    for header in unknown:
        await refusal(authenticator, header)
    store.finds = 0
    await authenticator.authenticate(good)
    await refusal(authenticator, unknown[-1])
    assert store.finds == 0
    await refusal(authenticator, unknown[0])
    assert store.finds == 1


async def test_while_the_database_is_away_a_key_seen_before_stays_good() -> None:
    store, clock = MemoryKeyStore(), Clock()
    seen, unseen = await issue(store), await issue(store)
    authenticator = Authenticator(store, clock)
    await authenticator.authenticate(f"Bearer {seen.text()}")
    store.error = Unavailable("MongoDB: gone")
    clock.now = 60.0
    assert (await authenticator.authenticate(f"Bearer {seen.text()}")).subject == "org-1"
    with pytest.raises(Unavailable):
        await authenticator.authenticate(f"Bearer {unseen.text()}")
    await store_answers_again(store, seen)
    clock.now = 120.0
    assert (await refusal(authenticator, f"Bearer {seen.text()}")).status == 401


async def store_answers_again(store: MemoryKeyStore, revoked: Key) -> None:
    store.error = None
    await store.revoke(revoked.key_id, NOW)


async def test_a_slow_database_holds_a_known_key_up_only_shortly() -> None:
    store, clock = MemoryKeyStore(), Clock()
    header = f"Bearer {(await issue(store)).text()}"
    authenticator = Authenticator(store, clock)
    await authenticator.authenticate(header)
    never = asyncio.Event()

    async def hang(_key_id: str) -> None:
        await never.wait()

    store.find = hang  # type: ignore[assignment,method-assign]
    clock.now = 60.0
    started = perf_counter()
    await authenticator.authenticate(header)
    await authenticator.authenticate(header)
    assert perf_counter() - started < 0.4
    never.set()


async def test_an_expired_key_is_refused_even_while_the_database_is_away() -> None:
    store, now = MemoryKeyStore(), NOW
    key = await issue(store)
    authenticator = Authenticator(store, Clock(), lambda: now)
    assert await store.expire(key.key_id, NOW + timedelta(hours=2))
    assert await store.expire(key.key_id, NOW + timedelta(hours=1))
    assert await store.expire(key.key_id, NOW + timedelta(hours=3))  # later than it ends anyway
    await authenticator.authenticate(f"Bearer {key.text()}")
    store.error = Unavailable("away")
    now = NOW + timedelta(minutes=59)
    await authenticator.authenticate(f"Bearer {key.text()}")
    now = NOW + timedelta(hours=1)
    with pytest.raises(Unavailable):
        await authenticator.authenticate(f"Bearer {key.text()}")
    store.error = None
    assert (await refusal(authenticator, f"Bearer {key.text()}")).status == 401
    assert not await store.expire("00000000", NOW)
