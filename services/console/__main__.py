"""Runs the console's HTTP API: `python -m services.console`."""

from services.console.app import build_app
from services.console.settings import ConsoleSettings
from services.runtime.process import run
from services.stages.reporter import tell_refusal

if __name__ == "__main__":
    run("console", ConsoleSettings, build_app, tell_refusal)
