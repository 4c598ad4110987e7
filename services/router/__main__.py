"""Runs the router: `python -m services.router`."""

from services.router.app import build_app
from services.router.settings import RouterSettings
from services.runtime.process import run
from services.stages.reporter import tell_refusal

if __name__ == "__main__":
    run("router", RouterSettings, build_app, tell_refusal)
