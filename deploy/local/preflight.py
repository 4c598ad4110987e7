"""What must hold before anything starts: one demo at a time, free ports, free disk."""

import fcntl
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.local.errors import CannotStart

GIB = 1024**3


@contextmanager
def only_one(state: Path) -> Iterator[None]:
    """Holds the folder `state` for this process. Raises `CannotStart` when another one has it."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / "demo.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise CannotStart(
                f"a demo runs already on {state} (process {lock.read().strip() or 'unknown'})."
                " Stop that one, or give this one a folder of its own by FRONTLINE_STATE_DIR"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def check_ports(ports: Mapping[str, int], host: str = "127.0.0.1") -> None:
    """Raises `CannotStart` naming every port that is taken or named twice, with its setting."""
    numbers = list(ports.values())
    twice = [f"{port} ({name})" for name, port in ports.items() if numbers.count(port) > 1]
    if twice:
        raise CannotStart(f"the same port is set twice: {', '.join(twice)}")
    taken = [f"{port} ({name})" for name, port in ports.items() if not _is_free(host, port)]
    if taken:
        raise CannotStart(
            f"these ports on {host} are taken: {', '.join(taken)}. Stop what listens there, or"
            " choose other ports by the settings named beside them, in the environment"
        )


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        # a port whose last connections are still closing is free; one that is listened on is not
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def check_disk(state: Path, wanted_gb: float) -> None:
    """Raises `CannotStart` when the disk under `state` has less than `wanted_gb` GiB free."""
    free = shutil.disk_usage(state).free / GIB
    if free < wanted_gb:
        raise CannotStart(
            f"only {free:.1f} GiB are free for {state.resolve()}, and {wanted_gb:g} are wanted for"
            " Kafka's and MongoDB's files. Free some, put the state elsewhere by"
            " FRONTLINE_STATE_DIR, or ask for less by FRONTLINE_DEMO_FREE_GB"
        )
