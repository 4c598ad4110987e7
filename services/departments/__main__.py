"""Runs the departments service: `python -m services.departments`."""

from services.departments.app import build_app
from services.departments.settings import DepartmentsSettings
from services.runtime.process import run
from services.stages.reporter import tell_refusal

if __name__ == "__main__":
    run("departments", DepartmentsSettings, build_app, tell_refusal)
