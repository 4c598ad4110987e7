"""Becomes the program in its arguments, on a leash: the kernel kills it when its parent dies.

Run as a file: `python -I -S leash.py PARENT_PID PROGRAM ARGUMENT...`. Linux only; elsewhere the
program runs without a leash.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie_to_parent(parent: int) -> None:
    """Asks for SIGKILL at the death of the thread that forked us; exits if it is dead already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("leash: the parent process is gone")


if __name__ == "__main__":
    tie_to_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the program that we were told to become
