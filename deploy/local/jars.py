"""Kafka's jars: fetched by Maven coordinates, checked against the SHA-256 list beside this module.

`python -m deploy.local.jars` prints that list anew, for a new version of Kafka.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from deploy.local.errors import CannotStart

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
# Kafka logs through SLF4J; without a binding a broker that fails says nothing
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
LIST = Path(__file__).with_name("kafka-jars.sha256")
ATTEMPTS = 3

Progress = Callable[[int, int, str], None]
"""Told (jars done, jars in all, name of the last one)."""


@dataclass(frozen=True, slots=True)
class Jar:
    """A jar by its path in a Maven repository: `group/parts/artifact/version/file`."""

    path: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name."""
        return PurePosixPath(self.path).name

    @property
    def coordinates(self) -> tuple[str, str, str]:
        """Group, artifact and version."""
        *group, artifact, version, _ = PurePosixPath(self.path).parts
        return ".".join(group), artifact, version


def read_list(listing: Path = LIST) -> tuple[Jar, ...]:
    """The jars that we run, from lines `<sha256>  <path>` as `sha256sum` writes them."""
    lines = (line.split() for line in listing.read_text().splitlines() if line.strip())
    return tuple(Jar(path, sha256) for sha256, path in lines)


def provide_jars(
    home: Path,
    listing: Path = LIST,
    maven_cache: Path | None = None,
    progress: Progress | None = None,
) -> str:
    """Puts every listed jar into `home`, checked, and returns Java's class path.

    `maven_cache` is a folder laid out as a Maven repository to take them from instead of the
    network. A second call finds a stamp and reads nothing again.
    Raises `CannotStart` naming the jar that is missing or is not the one that we know.
    """
    jars = read_list(listing)
    stamp = home / "checked.sha256"
    if not _is_stamped(stamp, listing, home, jars):
        home.mkdir(parents=True, exist_ok=True)
        for done, jar in enumerate(jars, start=1):
            _provide(jar, home, maven_cache)
            if progress:
                progress(done, len(jars), jar.name)
        shutil.copyfile(listing, stamp)
        shutil.rmtree(home / "repository", ignore_errors=True)
    return os.pathsep.join(str(home / jar.name) for jar in jars)


def _is_stamped(stamp: Path, listing: Path, home: Path, jars: tuple[Jar, ...]) -> bool:
    return (
        stamp.exists()
        and stamp.read_bytes() == listing.read_bytes()
        and all((home / jar.name).exists() for jar in jars)
    )


def _provide(jar: Jar, home: Path, maven_cache: Path | None) -> None:
    kept = home / jar.name
    if kept.exists() and digest(kept) == jar.sha256:
        return
    source = _from_cache(jar, maven_cache) if maven_cache else _download(jar, home / "repository")
    if (found := digest(source)) != jar.sha256:
        raise CannotStart(
            f"the jar {jar.name} has SHA-256 {found}, not the known {jar.sha256}: it was not used."
            f" It came from {'FRONTLINE_MAVEN_CACHE' if maven_cache else 'the Maven repository'};"
            " remove it there and start again"
        )
    partial = kept.with_suffix(".partial")
    shutil.copyfile(source, partial)
    partial.replace(kept)


def _from_cache(jar: Jar, maven_cache: Path) -> Path:
    source = maven_cache / jar.path
    if not source.exists():
        raise CannotStart(
            f"the jar {jar.name} is missing: FRONTLINE_MAVEN_CACHE has no {jar.path}."
            " Put it there, or unset FRONTLINE_MAVEN_CACHE to download it"
        )
    return source


def _download(jar: Jar, repository: Path) -> Path:
    """Downloads by jgo; a file cut short by a broken connection is fetched again."""
    # the packages of the local demo alone, needed only where something is downloaded
    import requests
    from jgo.maven import MavenContext

    group, artifact, version = jar.coordinates
    wanted = MavenContext(repo_cache=repository, timeout=30).project(group, artifact)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            source = Path(wanted.at_version(version).artifact().resolve())
        except (requests.RequestException, RuntimeError, OSError) as error:
            (repository / jar.path).unlink(missing_ok=True)
            if attempt == ATTEMPTS:
                raise CannotStart(
                    f"the jar {jar.name} could not be downloaded: {error}. Check the network, or"
                    " set FRONTLINE_MAVEN_CACHE to a Maven repository folder that has it"
                ) from error
        else:
            if digest(source) == jar.sha256 or attempt == ATTEMPTS:
                return source
            source.unlink()
    raise AssertionError("unreachable: the last attempt returns or raises")


def digest(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def resolve_list(repository: Path) -> str:
    """The list for `KAFKA` and what it depends on, downloaded and hashed as it is today."""
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=repository, timeout=30)
    inputs, transitive = context.resolver.resolve([context.create_dependency(KAFKA)])
    needed = [*inputs, *(one for one in transitive if one.scope in ("compile", "runtime"))]
    # alone: resolved together, the binding's bill of materials would change Kafka's versions
    needed.append(context.create_dependency(LOG_BINDING))
    files = (Path(one.artifact.resolve()) for one in needed)
    paths = sorted({file.relative_to(repository).as_posix(): file for file in files}.items())
    return "".join(f"{digest(file)}  {path}\n" for path, file in paths)


if __name__ == "__main__":
    print(resolve_list(Path("var/jars/repository")), end="")
