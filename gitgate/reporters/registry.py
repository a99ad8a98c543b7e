"""The output formats by the name that `--output` takes. Only the one that is asked for is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from gitgate.report import Report
from gitgate.reporters.base import PLAIN, Reporter, Style

_MODULES = {"text": "text", "json": "json_v1", "sarif": "sarif", "github": "github", "markdown": "markdown"}


def _reporter(module: str) -> Reporter:
    def render(report: Report, style: Style = PLAIN) -> str:
        reporter: Reporter = import_module(f"gitgate.reporters.{module}").render
        return reporter(report, style)

    return render


REPORTERS: Mapping[str, Reporter] = MappingProxyType({name: _reporter(module) for name, module in _MODULES.items()})
