"""Runs intake: `python -m services.intake`."""

from services.intake.app import build_app
from services.intake.settings import IntakeSettings
from services.runtime.process import run
from services.stages.reporter import tell_refusal

if __name__ == "__main__":
    run("intake", IntakeSettings, build_app, tell_refusal)
