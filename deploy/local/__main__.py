"""`python -m deploy.local demo [--once]`: the demo, ended by Ctrl-C or when all has arrived."""

import argparse
import logging
import os
import signal
import sys
import time
from types import FrameType

from deploy.local.demo import Demo
from deploy.local.errors import CannotStart
from deploy.local.preflight import only_one
from deploy.local.settings import LocalSettings
from deploy.local.supervisor import Supervisor
from deploy.local.terminal import Terminal
from services.runtime.logs import configure_logs
from services.runtime.process import service_version
from services.runtime.settings import read_settings

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
SAME_SIGNAL_SECONDS = 1.0


class Ending:
    """The first signal ends the demo in order, one during that order ends it at once."""

    def __init__(self) -> None:
        self._since: float | None = None

    def begin(self) -> None:
        """From now on we are stopping."""
        self._since = self._since or time.monotonic()

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Raises `KeyboardInterrupt` in the main thread, once."""
        if self._since is None:
            self.begin()
            raise KeyboardInterrupt
        # make and the terminal may both send the one Ctrl-C
        if time.monotonic() - self._since > SAME_SIGNAL_SECONDS:
            os._exit(EXIT_INTERRUPTED)  # the kernel kills our children with us


def run_demo(settings: LocalSettings, once: bool) -> int:
    """Runs it to its end and leaves nothing running; returns the exit code."""
    terminal, ending = Terminal(), Ending()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ending.on_signal)
    try:
        with only_one(settings.state_dir.resolve()):
            return _run_and_stop(settings, once, terminal, ending)
    except CannotStart as error:
        terminal.say(f"demo: {error}")
        return EXIT_FAILED


def _run_and_stop(settings: LocalSettings, once: bool, terminal: Terminal, ending: Ending) -> int:
    supervisor = Supervisor(terminal.say)
    code_when_interrupted = EXIT_INTERRUPTED
    try:
        failure = Demo(settings, terminal, supervisor).run()
        if failure:
            terminal.say(f"NOT ALL ARRIVED: {failure}")
        if once:
            return EXIT_FAILED if failure else 0
        code_when_interrupted = 0
        terminal.say("Everything stays up until Ctrl-C.")
        while True:
            time.sleep(3600)
    except CannotStart as error:
        terminal.say(f"demo: {error}")
        return EXIT_FAILED
    except KeyboardInterrupt:
        if code_when_interrupted:
            terminal.say("demo: interrupted before everything was up")
        return code_when_interrupted
    finally:
        ending.begin()
        if supervisor.has_started:
            with terminal.step("Stopping: services drain, then the servers end"):
                supervisor.stop()


def main() -> int:
    """Reads the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local")
    parser.add_argument("command", choices=["demo"])
    parser.add_argument("--once", action="store_true", help="stop when all samples arrived")
    arguments = parser.parse_args()
    configure_logs("demo", "warning", "auto", service_version())
    # a server that is away is said in our own words
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return run_demo(read_settings(LocalSettings), arguments.once)


if __name__ == "__main__":
    sys.exit(main())
