"""Encoders: one table for each reader of gitgate's output."""

from __future__ import annotations

import json

import pytest

from gitgate.reporters import encode
from tests.support.runner_log import commands, could_be_command


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ASCII, größer, 日本語, עברית, 🎉", "plain ASCII, größer, 日本語, עברית, 🎉"),
        ("a\tb\nc\rd", r"a\tb\nc\rd"),
        ("\x00\x07\x1b[31m\x7f", r"\x00\x07\x1b[31m\x7f"),
        ("\x9b31m\x85\xa0\xad", r"\x9b31m\x85\xa0\xad"),
        ("\u202e\u2066\u200b\u200d\u2060\ufeff", r"\u202e\u2066\u200b\u200d\u2060\ufeff"),
        ("\u2028\u2029\u3000\u2003", r"\u2028\u2029\u3000\u2003"),
        ("\u3164\u115f\u2800\ufe0f\u034f", r"\u3164\u115f\u2800\ufe0f\u034f"),
        ("\ue000\U000f0000\uffff", r"\ue000\U000f0000\uffff"),
        ("\U000e0041\U000e0100", r"\U000e0041\U000e0100"),
        ("\udcff\udc80", r"\xff\x80"),
        ("\ud800\udfff", r"\ud800\udfff"),
    ],
)
def test_printable_shows_what_a_terminal_would_hide_or_obey(text: str, shown: str):
    assert encode.printable(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "::error::x",
        "   ::error::x",
        "\t::error::x",
        "\u2003::error::x",
        ":::error::x",
        "##[group]x",
        "deep in a line ##[add-mask]x",
        "####[x]",
        "##vso[task.x]",
        "##teamcity[x]",
        "a\n::error::x",
        "a\r::error::x",
    ],
)
def test_log_safe_text_starts_no_command(text: str):
    assert could_be_command(encode.log_safe(text)) == []


def test_log_safe_leaves_ordinary_colons_and_headings_alone():
    assert encode.log_safe("a::b ## Title [x] #1") == "a::b ## Title [x] #1"


def test_command_data_and_properties_come_back_as_they_were():
    line = f"::error title={encode.command_property('a:b,c%0A')}::{encode.command_data('50%0A' + chr(10) + 'x: y, z')}"
    [command] = commands(line)
    assert command.properties == {"title": "a:b,c%0A"}
    assert command.data == "50%0A\nx: y, z"


def test_property_cannot_add_another_property_or_end_the_command():
    [command] = commands(f"::error file={encode.command_property('a,line=1::b' + chr(10) + '::warning::c')}::data")
    assert command.properties == {"file": r"a,line=1::b\n::warning::c"}
    assert command.data == "data"


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("the field is required", "the field is required"),
        ('unknown field "imagee"; gone', 'unknown field <code>"imagee"</code>; gone'),
        ("(see the docs). Done!", "(see the docs). Done!"),
        ("ping @octocat now", "ping <code>@octocat</code> now"),
        ("see #12 and GH-3", "see <code>#12</code> and <code>GH-3</code>"),
        ("at https://evil.example", "at <code>https://evil.example</code>"),
        ("commit deadbee done", "commit <code>deadbee</code> done"),
        ("<b>x</b> & y", "<code>&lt;b&gt;x&lt;/b&gt; &amp;</code> y"),
        ("`code` | ~~x~~", "<code>`code` | ~~x~~</code>"),
        ("spec.ports[0] is 80", "<code>spec.ports[0]</code> is 80"),
    ],
)
def test_prose_words_stay_prose_and_everything_else_is_code(text: str, encoded: str):
    assert encode.html_prose(text) == encoded


def test_html_says_how_much_of_a_long_text_is_missing():
    assert encode.html_code("x" * 400, limit=10) == "<code>xxxxxxxxxx… (390 more characters)</code>"


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("apps/web.yaml", "apps/web.yaml"),
        ("a b%c.yaml", "a%20b%25c.yaml"),
        ("c:/x.yaml", "c%3A/x.yaml"),
        ("größe.yaml", "gr%C3%B6%C3%9Fe.yaml"),
        ("\udcff.yaml", "%FF.yaml"),
        ("?#[].yaml", "%3F%23%5B%5D.yaml"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_path_as_uri_keeps_its_bytes(path: str, uri: str):
    assert encode.percent_encoded(path) == uri


def test_json_document_keeps_text_and_replaces_only_lone_surrogates():
    text = "##[group] \x1b\u202e \udcff \ud800 é"
    document = encode.json_document({text: [text]})
    assert document.isascii()
    assert "##[" not in document
    expected = "##[group] \x1b\u202e \\xff \\ud800 é"
    assert json.loads(document) == {expected: [expected]}


def test_sarif_message_holds_no_embedded_link():
    assert encode.sarif_message("[click](https://evil.example)") == r"[click]\x28https://evil.example)"


def test_xml_text_keeps_lines_and_shows_what_xml_cannot_carry():
    assert encode.xml_text("a\nb\x00\x1b\ufffe\ud800<&") == "a\nb\\x00\\x1b\\ufffe\\ud800<&"


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("", 0)])
def test_cells_counts_columns_not_characters(text: str, columns: int):
    assert encode.cells(text) == columns
