"""Runs the demo as people do, with its state in a folder and on ports of its own."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from deploy.local.waiting import wait_until
from tests.infra import STATE, free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 120
PORTS = (
    "KAFKA",
    "KAFKA_CONTROLLER",
    "MONGO",
    "INTAKE",
    "DEPARTMENTS",
    "CONSOLE",
    "CLASSIFIER",
    "ROUTER",
)


class DemoRun:
    """One folder of state, on which demos are started one after the other."""

    command: tuple[str, ...] = (sys.executable, "-m", "deploy.local", "demo")
    once_flag = "--once"
    once_seconds = START_SECONDS

    def __init__(self, state: Path, folder: Path = ROOT) -> None:
        self.state = state
        self._folder = folder
        self._runs: list[subprocess.Popen[bytes]] = []
        state.mkdir()
        (STATE / "jars").mkdir(parents=True, exist_ok=True)
        (state / "jars").symlink_to(STATE / "jars")
        own = {f"FRONTLINE_DEMO_{name}_PORT": str(free_port()) for name in PORTS}
        own["FRONTLINE_STATE_DIR"] = str(state)
        # what `make test` sets for its own children is not for another make
        foreign = ("FRONTLINE_", "MAKE", "MFLAGS")
        kept = {name: each for name, each in os.environ.items() if not name.startswith(foreign)}
        self.environment = kept | own

    def start(self, *flags: str, **settings: str) -> subprocess.Popen[bytes]:
        """Starts `make demo`'s program; what it prints is in `printed`."""
        with (self.state / "terminal").open("wb") as output:
            run = subprocess.Popen(
                [*self.command, *flags],
                cwd=self._folder,
                env=self.environment | settings,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._runs.append(run)
        return run

    @property
    def printed(self) -> str:
        return (self.state / "terminal").read_text()

    def wait_for(self, text: str, run: subprocess.Popen[bytes]) -> None:
        def decided() -> bool:
            return text in self.printed or run.poll() is not None

        assert wait_until(decided, START_SECONDS, 0.2), self.printed
        assert text in self.printed, self.printed

    def once(self) -> str:
        """Runs it until all has arrived, which must be a good end."""
        run = self.start(self.once_flag)
        code = run.wait(self.once_seconds)
        assert code == 0, self.printed
        return self.printed

    def end(self) -> None:
        """Kills what is still there, below `make` too."""
        for run in self._runs:
            if run.poll() is not None:
                continue
            for process in psutil.Process(run.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            run.kill()
            run.wait()


class NewcomersRun(DemoRun):
    """`make demo ONCE=1` in a clone: it sets up its own environment, state and all in `var`."""

    command = ("make", "demo")
    once_flag = "ONCE=1"
    once_seconds = 600

    def __init__(self, clone: Path) -> None:
        copy_repository(clone)
        super().__init__(clone / "var", clone)
        del self.environment["FRONTLINE_STATE_DIR"]


def copy_repository(target: Path) -> None:
    """A clone; without history, as in an unpacked archive, everything but what git ignores."""
    if (ROOT / ".git").exists():
        subprocess.run(["git", "clone", "--quiet", ROOT, target], check=True)
        return
    ignored = (ROOT / ".gitignore").read_text().split()
    names = [pattern.strip("/") for pattern in ignored]
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*names))
