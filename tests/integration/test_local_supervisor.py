"""Servers are restarted when they die, stopped in order, and never outlive their supervisor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest

from deploy.local.errors import CannotStart
from deploy.local.server import Server
from deploy.local.supervisor import Patience, Supervisor
from deploy.local.waiting import wait_until

QUICK = Patience(look=0.02, first_restart=0.05, longest_restart=0.2, ask_health=0.05, unhealthy=0.2)
READY_THEN_STAY = "import pathlib, time; pathlib.Path({ready!r}).touch(); time.sleep(60)"


class Script(Server):
    """A Python program that is ready when it has made the file `ready`."""

    def __init__(self, name: str, folder: Path, code: str = READY_THEN_STAY) -> None:
        super().__init__(name, folder / f"{name}.log", start_seconds=10)
        self._mark = folder / f"{name}.ready"
        self._code = code.format(ready=str(self._mark))
        self.is_healthy = True
        self.stops: list[str] = []

    def _prepare(self) -> Sequence[str]:
        self._mark.unlink(missing_ok=True)
        return [sys.executable, "-c", self._code]

    def _ready(self) -> bool:
        return self._mark.exists()

    def healthy(self) -> bool:
        return self.is_healthy

    def stop(self, seconds: float = 2.0) -> bool:
        if self.alive():
            self.stops.append(self.name)
        return super().stop(seconds)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(said.append, QUICK)
    yield supervisor
    supervisor.stop()


def pid_of(server: Server) -> int:
    assert server.pid is not None
    return server.pid


def test_a_server_that_is_killed_is_started_again_and_the_terminal_says_so(
    tmp_path: Path, supervisor: Supervisor, said: list[str]
) -> None:
    server = Script("router", tmp_path)
    supervisor.start(server)
    first = pid_of(server)
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: "router runs again" in said, 10)
    assert pid_of(server) != first
    assert said[0] == "router is down (killed by SIGKILL); it is started again in 0.05 s"


def test_restarts_that_fail_come_at_growing_intervals(
    tmp_path: Path, supervisor: Supervisor, said: list[str]
) -> None:
    once = tmp_path / "once"
    code = f"import os; os.rename({str(once)!r}, {{ready!r}}); import time; time.sleep(60)"
    once.touch()
    server = Script("router", tmp_path, code)
    supervisor.start(server)
    server.kill()
    assert wait_until(lambda: sum("started again" in line for line in said) >= 4, 10)
    waits = [line.split(" in ")[1] for line in said if "started again" in line]
    assert waits[:4] == ["0.05 s", "0.1 s", "0.2 s", "0.2 s"]
    assert any("FileNotFoundError" in line for line in said)


def test_a_server_that_stands_still_is_killed_and_started_again(
    tmp_path: Path, supervisor: Supervisor, said: list[str]
) -> None:
    server = Script("classifier", tmp_path)
    supervisor.start(server)
    server.is_healthy = False
    assert wait_until(lambda: any("stood still" in line for line in said), 10)
    server.is_healthy = True
    assert wait_until(lambda: "classifier runs again" in said, 10)


def test_a_server_that_dies_at_start_is_one_message_with_the_end_of_its_log(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    stays = Script("stays", tmp_path)
    dies = Script("dies", tmp_path, "raise SystemExit('the disk is on fire')")
    with pytest.raises(CannotStart, match=r"dies did not start \(exit code 1\)") as refusal:
        supervisor.start(stays, dies)
    assert "the disk is on fire" in str(refusal.value)
    supervisor.stop()
    assert not stays.alive()


def test_a_start_that_is_under_way_is_given_up_at_a_stop(tmp_path: Path, said: list[str]) -> None:
    never = Script("never", tmp_path, "import time; time.sleep(60)")
    supervisor = Supervisor(said.append, QUICK)
    stopped = Event()

    def stop_soon() -> None:
        assert wait_until(never.alive, 5)
        supervisor.stop()
        stopped.set()

    Thread(target=stop_soon).start()
    with pytest.raises(CannotStart):
        supervisor.start(never)
    assert stopped.wait(5)
    assert not never.alive()
    assert said == []


def test_servers_are_stopped_in_the_opposite_order_of_their_start(
    tmp_path: Path, said: list[str]
) -> None:
    order: list[str] = []
    servers = [Script(name, tmp_path) for name in ("kafka", "router", "intake")]
    supervisor = Supervisor(said.append, QUICK)
    for server in servers:
        server.stops = order
        supervisor.start(server)
    supervisor.stop()
    assert order == ["intake", "router", "kafka"]


def test_one_that_ignores_the_request_to_stop_is_killed_and_said(
    tmp_path: Path, said: list[str]
) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + READY_THEN_STAY
    server = Script("deaf", tmp_path, deaf)
    supervisor = Supervisor(said.append, QUICK)
    supervisor.start(server)
    supervisor.stop()
    assert not server.alive()
    assert said == ["deaf did not stop in time and was killed"]


def test_what_a_server_started_itself_goes_with_it(tmp_path: Path) -> None:
    grandchild = tmp_path / "grandchild"
    code = (
        "import subprocess, sys, pathlib; "
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        f"pathlib.Path({str(grandchild)!r}).write_text(str(p.pid)); " + READY_THEN_STAY
    )
    server = Script("parent", tmp_path, code)
    server.start()
    pid = int(grandchild.read_text())
    server.stop()
    assert wait_until(lambda: not _runs(pid), 5)


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    child = tmp_path / "child"
    program = (
        "import sys, time; from pathlib import Path; from deploy.local.child import Child; "
        f"mark = Path({str(child)!r}); sleeper = 'import time; time.sleep(60)'; "
        "c = Child([sys.executable, '-c', sleeper], mark.with_suffix('.log')); "
        "mark.write_text(str(c.pid)); time.sleep(60)"
    )
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=root)
    try:
        assert wait_until(lambda: child.exists() and child.read_text() != "", 10)
        pid = int(child.read_text())
        assert _runs(pid)
        parent.kill()
        parent.wait()
        assert wait_until(lambda: not _runs(pid), 5)
    finally:
        parent.kill()
        parent.wait()


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_child_started_in_a_thread_outlives_that_thread(tmp_path: Path) -> None:
    server = Script("steady", tmp_path)
    thread = Thread(target=server.start)
    thread.start()
    thread.join()
    time.sleep(0.2)  # the kernel's signal would have come by now
    try:
        assert server.alive()
    finally:
        server.stop()
