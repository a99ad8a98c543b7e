"""The formats that `--output` names."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gitgate.reporters.registry import REPORTERS
from tests.support.reports import SAMPLES


def test_formats_are_named_as_documented():
    assert list(REPORTERS) == ["text", "json", "sarif", "github", "markdown"]


@pytest.mark.parametrize("output", REPORTERS)
@pytest.mark.parametrize("name", SAMPLES)
def test_output_is_utf_8_ends_with_a_newline_and_is_the_same_twice(output: str, name: str):
    text = REPORTERS[output](SAMPLES[name])
    assert text.encode("utf-8").endswith(b"\n")
    assert text == REPORTERS[output](SAMPLES[name])


def test_importing_the_formats_loads_nothing_heavy():
    code = "import sys, gitgate.reporters.registry; print({'rich', 'jsonschema', 'yaml', 'click'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
