"""The output formats by the name that `--output` takes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gitgate.reporters import github, json_v1, markdown, sarif, text
from gitgate.reporters.base import Reporter

REPORTERS: Mapping[str, Reporter] = MappingProxyType(
    {
        "text": text.render,
        "json": json_v1.render,
        "sarif": sarif.render,
        "github": github.render,
        "markdown": markdown.render,
    }
)
