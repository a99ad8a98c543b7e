#!/bin/sh
# Make the virtual environment and install gitgate with what its tests and checks need.
# Usage: tools/install.sh PYTHON VENV
set -eu
python=$1
venv=$2
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "gitgate needs Python 3.11 or newer; $("$python" --version) was found. Say: make PYTHON=python3.12 ..." >&2
    exit 1
}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
# Dependency groups (PEP 735) need pip 25.1.
"$venv/bin/python" -m pip install --quiet --upgrade 'pip>=25.1'
"$venv/bin/python" -m pip install --quiet --editable . --group test --group lint
