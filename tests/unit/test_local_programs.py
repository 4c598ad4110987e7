"""A program that cannot run here is named with the reason and what to do."""

from pathlib import Path

import pytest

from deploy.local import java, mongod
from deploy.local.errors import CannotStart


def program(folder: Path, name: str, script: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def loader_error(library: str) -> str:
    return f"error while loading shared libraries: {library}: cannot open shared object file"


def test_a_server_with_a_missing_library_is_refused_with_the_loaders_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = program(tmp_path, "packaged", f"echo '{loader_error('libcurl.so.4')}' >&2; exit 127")
    monkeypatch.setattr(mongod, "_lender", lambda: None)
    monkeypatch.setattr(mongod, "_packaged", lambda: [packaged])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotStart, match=r"libcurl\.so\.4: cannot open.*libcurl4"):
        mongod.find_mongod(tmp_path / "lib")


def test_a_mongod_on_the_path_comes_first_unless_it_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = program(tmp_path, "packaged", "echo 'db version v6.0.5'")
    monkeypatch.setattr(mongod, "_packaged", lambda: [packaged])
    monkeypatch.setenv("PATH", str(tmp_path))
    own = program(tmp_path, "mongod", "echo 'db version v8.0.1'")
    assert mongod.find_mongod(tmp_path / "lib").path == own
    program(tmp_path, "mongod", "echo 'db version v4.4.0'")
    assert mongod.find_mongod(tmp_path / "lib").path == packaged


def test_libraries_that_the_machine_lacks_are_lent_to_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender = tmp_path / "pycurl.libs"
    lender.mkdir()
    for name in ("libcurl-0a1b2c3d.so.4.8.0", "libssl-0a1b2c3d.so.3"):
        (lender / name).touch()
    script = "; ".join(
        f"test -e $FOLDER/{name} || {{ echo '{loader_error(name)}' >&2; exit 127; }}"
        for name in ("libcurl.so.4", "libssl.so.3")
    )
    found = f"FOLDER=${{LD_LIBRARY_PATH%%:*}}; {script}; echo 'db version v6.0.5'"
    packaged = program(tmp_path, "packaged", found)
    monkeypatch.setattr(mongod, "_packaged", lambda: [packaged])
    monkeypatch.setattr(mongod, "_lender", lambda: lender)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    lib = tmp_path / "lib"
    for _ in range(2):
        environment = mongod.find_mongod(lib).environment()
        assert environment is not None
        assert environment["LD_LIBRARY_PATH"] == f"{lib}:{lender}"


def test_a_library_that_nobody_lends_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = program(tmp_path, "packaged", f"echo '{loader_error('libfoo.so.1')}' >&2; exit 127")
    monkeypatch.setattr(mongod, "_packaged", lambda: [packaged])
    monkeypatch.setattr(mongod, "_lender", lambda: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotStart, match=r"libfoo\.so\.1"):
        mongod.find_mongod(tmp_path / "lib")


def test_no_mongod_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongod, "_packaged", list)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotStart, match="no packaged one for this platform"):
        mongod.find_mongod(tmp_path / "lib")


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
