#!/usr/bin/env bash
# Sets up var/venv with the packages of requirements/<name>.txt, each checked by its hash; does
# nothing when that file has not changed since. Usage: deploy/setup.sh run|demo|dev|train
set -euo pipefail
cd "$(dirname "$0")/.."

requirements="requirements/$1.txt"
venv=var/venv
stamp="$venv/.installed-$1.txt"
python="${PYTHON:-python3}"

fail() {
  echo "setup: $*" >&2
  exit 1
}

if [ -x "$venv/bin/python" ] && cmp --silent "$requirements" "$stamp"; then
  exit 0
fi

command -v "$python" > /dev/null \
  || fail "$python is not installed. Install Python 3.11 or newer (Debian: apt-get install python3 python3-venv), or name yours: make PYTHON=/path/to/python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
  || fail "$("$python" --version) is too old: 3.11 or newer is needed. Name another one: make PYTHON=/path/to/python3"
"$python" -c 'import ensurepip, venv' 2> /dev/null \
  || fail "$python cannot make virtual environments. Install that part of it (Debian: apt-get install python3-venv)"

echo "Setting up $venv from $requirements"
if ! "$venv/bin/python" -m pip --version > /dev/null 2>&1; then
  rm -rf "$venv"
  "$python" -m venv "$venv"
fi
"$venv/bin/python" -m pip install --disable-pip-version-check --no-input --require-hashes \
  --only-binary :all: --requirement "$requirements" \
  || fail "the packages of $requirements could not be installed: the lines above say why"
cp "$requirements" "$stamp"
