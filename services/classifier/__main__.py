"""Runs the classifier: `python -m services.classifier`."""

from services.classifier.app import build_app
from services.classifier.settings import ClassifierSettings
from services.runtime.process import run
from services.stages.reporter import tell_refusal

if __name__ == "__main__":
    run("classifier", ClassifierSettings, build_app, tell_refusal)
