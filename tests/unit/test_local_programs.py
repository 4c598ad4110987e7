"""A program that cannot run here is named with the reason and what to do."""

from pathlib import Path

import pytest

from deploy.local import java, mongo
from deploy.local.errors import CannotStart


def program(folder: Path, name: str, script: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def test_a_server_with_a_missing_library_is_refused_with_the_loaders_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = program(tmp_path, "packaged", "echo 'libcurl.so.4: cannot open' >&2; exit 127")
    monkeypatch.setattr(mongo, "_packaged", lambda: packaged)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotStart, match=r"libcurl\.so\.4: cannot open.*libcurl4"):
        mongo.find_mongod()


def test_a_mongod_on_the_path_comes_first_unless_it_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = program(tmp_path, "packaged", "echo 'db version v6.0.5'")
    monkeypatch.setattr(mongo, "_packaged", lambda: packaged)
    monkeypatch.setenv("PATH", str(tmp_path))
    own = program(tmp_path, "mongod", "echo 'db version v8.0.1'")
    assert mongo.find_mongod() == own
    program(tmp_path, "mongod", "echo 'db version v4.4.0'")
    assert mongo.find_mongod() == packaged


def test_no_mongod_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongo, "_packaged", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotStart, match="no packaged one for this platform"):
        mongo.find_mongod()


def test_no_java_for_this_platform_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "_packaged", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotStart, match="no Java runtime for this platform"):
        java.find_java()


def test_an_old_java_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = program(tmp_path, "java", """echo 'openjdk version "11.0.2" 2019' >&2""")
    monkeypatch.setattr(java, "_packaged", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotStart, match=rf"{old}: is version 11"):
        java.find_java()
