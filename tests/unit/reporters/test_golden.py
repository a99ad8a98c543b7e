"""Every format of every sample report, byte for byte; read the files as a user would."""

from __future__ import annotations

import pytest

from gitgate.reporters.base import Style
from gitgate.reporters.registry import REPORTERS
from tests.support.golden import GOLDEN, assert_golden
from tests.support.reports import SAMPLES

_EXTENSIONS = {"text": "txt", "json": "json", "sarif": "sarif", "github": "github", "markdown": "md"}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("output", REPORTERS)
def test_format_of_sample_report(output: str, name: str):
    assert_golden(f"report-{name}.{_EXTENSIONS[output]}", REPORTERS[output](SAMPLES[name], Style(width=100)))


def test_verbose_text_lists_what_is_otherwise_counted():
    assert_golden("report-rejected-verbose.txt", REPORTERS["text"](SAMPLES["rejected"], Style(width=100, verbose=True)))


def test_no_golden_report_is_left_over():
    expected = {f"report-{name}.{extension}" for name in SAMPLES for extension in _EXTENSIONS.values()}
    assert {path.name for path in GOLDEN.glob("report-*")} == expected | {"report-rejected-verbose.txt"}
