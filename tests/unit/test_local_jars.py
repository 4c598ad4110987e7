"""Jars are used only when they are the ones that we know."""

import hashlib
from pathlib import Path

import pytest

from deploy.local.errors import CannotStart
from deploy.local.jars import KAFKA, provide_jars, read_list

PATH = "org/example/thing/1.0/thing-1.0.jar"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    jar = tmp_path / "cache" / PATH
    jar.parent.mkdir(parents=True)
    jar.write_bytes(b"the jar")
    return tmp_path / "cache"


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    file = tmp_path / "jars.sha256"
    file.write_text(f"{hashlib.sha256(b'the jar').hexdigest()}  {PATH}\n")
    return file


def test_a_checked_jar_is_stored_and_named_in_the_class_path(
    tmp_path: Path, cache: Path, listing: Path
) -> None:
    told: list[tuple[int, int, str]] = []
    class_path = provide_jars(
        tmp_path / "jars",
        listing,
        cache,
        lambda done, total, name: told.append((done, total, name)),
    )
    assert Path(class_path).read_bytes() == b"the jar"
    assert told == [(1, 1, "thing-1.0.jar")]


def test_a_second_time_nothing_is_fetched(tmp_path: Path, cache: Path, listing: Path) -> None:
    first = provide_jars(tmp_path / "jars", listing, cache)
    (cache / PATH).unlink()
    assert provide_jars(tmp_path / "jars", listing, cache) == first


def test_a_jar_with_another_hash_is_refused_by_name_and_not_stored(
    tmp_path: Path, cache: Path, listing: Path
) -> None:
    (cache / PATH).write_bytes(b"another jar")
    with pytest.raises(CannotStart, match=r"thing-1\.0\.jar has SHA-256"):
        provide_jars(tmp_path / "jars", listing, cache)
    assert not list((tmp_path / "jars").glob("*.jar"))


def test_a_missing_jar_is_named(tmp_path: Path, cache: Path, listing: Path) -> None:
    (cache / PATH).unlink()
    with pytest.raises(CannotStart, match=r"thing-1\.0\.jar is missing"):
        provide_jars(tmp_path / "jars", listing, cache)


def test_a_changed_list_checks_again(tmp_path: Path, cache: Path, listing: Path) -> None:
    provide_jars(tmp_path / "jars", listing, cache)
    listing.write_text(f"{'0' * 64}  {PATH}\n")
    with pytest.raises(CannotStart, match="not the known 0000"):
        provide_jars(tmp_path / "jars", listing, cache)


def test_a_stored_jar_that_was_lost_is_fetched_again(
    tmp_path: Path, cache: Path, listing: Path
) -> None:
    class_path = provide_jars(tmp_path / "jars", listing, cache)
    Path(class_path).unlink()
    provide_jars(tmp_path / "jars", listing, cache)
    assert Path(class_path).exists()


def test_the_shipped_list_holds_the_broker_and_one_version_of_each_jar() -> None:
    jars = read_list()
    coordinates = [jar.coordinates for jar in jars]
    assert tuple(KAFKA.split(":")) in coordinates
    assert len({(group, artifact) for group, artifact, _ in coordinates}) == len(jars)
    version = KAFKA.split(":")[2]
    assert {v for group, _, v in coordinates if group == "org.apache.kafka"} == {version}
    assert all(len(jar.sha256) == 64 for jar in jars)
