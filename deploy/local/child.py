"""A child process: own process group, own log file, and dead when we are dead."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

from deploy.local.waiting import wait_until

LEASH = Path(__file__).with_name("leash.py")
JAVA_FRAME = re.compile(r"\s+(at |\.\.\. )")
LOG_KEPT_BYTES = 8 * 1024 * 1024


@cache
def _spawner() -> ThreadPoolExecutor:
    # the leash follows the thread that forked: one thread forks all and lives as long as we do
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


class Child:
    """One running program. What it prints is appended to `log`."""

    def __init__(
        self,
        argv: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LOG_KEPT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        self._log_start = log.stat().st_size if log.exists() else 0
        self._process = _spawner().submit(self._spawn, argv, environment, folder).result()
        self.pid = self._process.pid

    def _spawn(
        self, argv: Sequence[str], environment: Mapping[str, str] | None, folder: Path | None
    ) -> subprocess.Popen[bytes]:
        leashed = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *argv]
        with self.log.open("ab") as output:
            return subprocess.Popen(
                leashed,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def ending(self) -> str:
        """How it ended, in words."""
        code = self._process.poll()
        if code is None:
            return "still running"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to it, if it still runs."""
        self._process.send_signal(number)

    def held(self) -> bool:
        """Whether every thread of it stands still, asked after a SIGSTOP."""
        return os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG) is not None

    def stop(self, seconds: float) -> bool:
        """SIGTERM, after `seconds` SIGKILL to its group; returns whether it left by itself."""
        if self.alive():
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGCONT)  # one that is held by SIGSTOP must hear it too
        left = wait_until(lambda: not self.alive(), seconds)
        with suppress(ProcessLookupError):  # nothing of the group is left
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        return left

    def last_lines(self, count: int = 12) -> str:
        """The end of what this run printed, indented, without the frames of Java's stack traces."""
        with self.log.open("rb") as output:
            output.seek(max(self._log_start, self.log.stat().st_size - 16_384))
            printed = output.read().decode(errors="replace").splitlines()
        lines = [line for line in printed if not JAVA_FRAME.match(line)]
        return (
            "\n".join(f"    {line[:300]}" for line in lines[-count:]) or "    (it printed nothing)"
        )
