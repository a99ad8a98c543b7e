#!/usr/bin/env bash
# First step of the action: gitgate from the action's own files, into a private environment.
#
# Nothing of the judged checkout is run or read here, although it is the working directory: Python starts isolated
# (-I: neither the working directory nor PYTHON* variables name modules), and pip installs pinned versions by digest.
# In: GITGATE_PYTHON, GITHUB_ACTION_PATH, RUNNER_TEMP. Out (GITHUB_OUTPUT): home, a new private directory.
set -euo pipefail

fail() {
    echo "::error title=gitgate::$1"
    exit 3
}

cd "$RUNNER_TEMP"
home=$(mktemp -d "$RUNNER_TEMP/gitgate.XXXXXXXX")
command -v -- "$GITGATE_PYTHON" >/dev/null ||
    fail "The Python that the input \`python\` names is not there; actions/setup-python brings one."
"$GITGATE_PYTHON" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "gitgate needs Python 3.11 or newer; actions/setup-python brings one."
"$GITGATE_PYTHON" -I -m venv "$home/venv" ||
    fail "This Python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"

pip=("$home/venv/bin/python" -I -m pip --disable-pip-version-check --quiet --no-input install)
"${pip[@]}" --only-binary :all: --require-hashes --requirement "$GITHUB_ACTION_PATH/action/requirements.txt" ||
    fail "gitgate's dependencies could not be installed."
# A copy of what the wheel is made of, as a build may write beside its sources.
mkdir "$home/source"
for name in gitgate policies schemas pyproject.toml README.md LICENSE; do
    cp -R "$GITHUB_ACTION_PATH/$name" "$home/source/$name"
done
"${pip[@]}" --no-deps --no-index --no-build-isolation "$home/source" || fail "gitgate could not be installed."
rm -rf "$home/source"

"$home/venv/bin/gitgate" --version
printf 'home=%s\n' "$home" >>"$GITHUB_OUTPUT"
