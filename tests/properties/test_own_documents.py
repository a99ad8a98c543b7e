"""Waivers and cases of any content are read, or refused with one error; what `waiver add` writes is always read."""

from __future__ import annotations

import json
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from gitgate.errors import SettingsError
from gitgate.policy_cases import read_cases
from gitgate.waiver_entries import Terms, add_waiver
from gitgate.waivers import parse_waivers

RULES = ("schema/unknown-field", "policy/denied")
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8)  # fmt: skip
KEYS = st.sampled_from(
    ["rule", "resource", "path", "fingerprint", "owner", "reason", "expires", "policy", "object", "oldObject", "operation",
     "params", "expected", "user", "namespace", "message", "kind", "name"]
)  # fmt: skip
ENTRIES = st.lists(
    st.dictionaries(KEYS, VALUES | st.sampled_from(["schema/unknown-field", "2026-12-31", "deny", "a/b/c"])), max_size=3
)
# U+0085 is refused: readers of YAML disagree about it, in whatever way it is written.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85"), min_size=1, max_size=30).filter(
    str.strip
)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data) -> None:
    for read in (lambda: parse_waivers(data, "file", RULES), lambda: read_cases(data, "file")):
        try:
            read()
        except SettingsError as error:
            assert str(error).startswith("file")


@given(ENTRIES)
def test_any_entries_are_read_or_refused(entries) -> None:
    for key, read in (
        ("waivers", lambda data: parse_waivers(data, "file", RULES)),
        ("cases", lambda data: read_cases(data, "file")),
    ):
        try:
            read(json.dumps({"version": 1, key: entries}).encode())
        except SettingsError as error:
            assert str(error).startswith("file")


@given(names=st.tuples(*[NAMES] * 5))
def test_what_is_written_names_the_finding_again(tmp_path_factory, names) -> None:
    name, namespace, path, owner, reason = names
    directory = tmp_path_factory.mktemp("tree")
    finding = {
        "rule": "schema/unknown-field", "fingerprint": "0" * 31 + "1", "state": "new", "message": "",
        "resource": {"group": "", "kind": "Pod", "namespace": namespace, "name": name}, "location": {"path": path},
    }  # fmt: skip
    day = date(2026, 12, 31)
    for _ in range(2):
        add_waiver(directory, [finding], "0000", Terms(owner, reason, day), date(2026, 12, 1))
    written = (directory / ".gitgate/waivers.yaml").read_bytes()
    first, second = parse_waivers(written, "file", RULES)
    assert first == second
    assert (first.resource, first.path, first.fingerprint) == (
        ("", "Pod", namespace, name),
        path,
        finding["fingerprint"],
    )
    assert (first.owner, first.reason, first.expires) == (" ".join(owner.split()), " ".join(reason.split()), day)
