#!/bin/sh
# Make the virtual environment and install gitgate with what its tests and checks need.
# Usage: tools/install.sh PYTHON VENV
set -eu
python=$1
venv=$2

fail() {
    echo "gitgate: $1" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 ||
    fail "there is no $python; install Python 3.11 or newer, or name one: make PYTHON=python3.12"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed and $("$python" --version 2>&1) was found; name another one: make PYTHON=python3.12"
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    # Debian and Ubuntu ship Python without the modules that make an environment.
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"
    "$python" -m venv --clear "$venv"
fi
# Dependency groups (PEP 735) need pip 25.1.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint tools/constraints.txt \
    --editable . --group test --group lint
