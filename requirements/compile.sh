#!/usr/bin/env bash
# Compiles the hashed requirement files from pyproject.toml; needs uv. Arguments go to uv, such as
# --upgrade or --upgrade-package NAME. All of them agree with dev.txt on every version.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {
  uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate --no-emit-package frontline --quiet "$@"
}

compile --extra dev --output-file requirements/dev.txt "$@"
compile --constraint requirements/dev.txt --output-file requirements/run.txt
compile --constraint requirements/dev.txt --extra local --output-file requirements/demo.txt
compile --constraint requirements/dev.txt --extra train --output-file requirements/train.txt
