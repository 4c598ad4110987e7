"""Runs the router: `python -m services.router`."""

from services.router.app import build_app
from services.router.settings import RouterSettings
from services.runtime.process import run

if __name__ == "__main__":
    run("router", RouterSettings, build_app)
