"""Rules of custom resource definitions on real changes: transitions, correlation, ratcheting, and broken rules."""

from __future__ import annotations

import time

import pytest

from tests.support.cli import Ended, check, gitgate
from tests.support.manifests import config_map, crd, widget
from tests.support.repository import RepositoryBuilder

CRD = "crds/widget.yaml"
WIDGET = "apps/wheel.yaml"
SIZE = "size: {type: integer}\n"


def definition(fields: str, *rules: str) -> str:
    """A definition whose spec has these rules, each the YAML of one entry."""
    text = crd(fields=fields)
    if not rules:
        return text
    entries = "".join(f"                - {rule}\n" for rule in rules)
    return text.replace(
        "            spec:\n              type: object\n",
        f"            spec:\n              type: object\n              x-kubernetes-validations:\n{entries}",
    )


def judge(repository: RepositoryBuilder, before: dict[str, str], after: dict[str, str]) -> Ended:
    repository.commit(before)
    repository.branch("change")
    repository.commit(after, branch="change")
    return check(repository.path, "--base", "main", "--head", "change")


def own(ended: Ended, state: str = "new") -> list[str]:
    return [rule for rule in ended.rules(state) if rule.startswith("policy/crd") or rule == "policy/limit"]


def one(ended: Ended) -> dict[str, object]:
    (finding,) = [item for item in ended.report["findings"] if item["rule"].startswith("policy/crd")]
    return finding


def edit(repository: RepositoryBuilder, fields: str, rule: str, old: str, new: str) -> Ended:
    text = definition(fields, rule)
    return judge(repository, {CRD: text, WIDGET: widget(spec=old)}, {WIDGET: widget(spec=new)})


def test_a_rule_is_found_at_the_field_that_it_names(repository) -> None:
    rule = "{rule: 'self.size <= 5', message: too large, fieldPath: .size, reason: FieldValueForbidden}"
    ended = edit(repository, SIZE, rule, "size: 3", "size: 9")
    finding = one(ended)
    assert ended.code == 1
    assert (finding["rule"], finding["field"]) == ("policy/crd-rule", "spec.size")
    assert finding["message"] == "the API server would refuse the UPDATE: Forbidden: too large"
    assert finding["location"]["line"] == 7


def test_a_message_expression_says_what_is_wrong(repository) -> None:
    rule = """{rule: 'self.size <= 5', message: no, messageExpression: "'size is ' + string(self.size)"}"""
    assert "Invalid value: size is 9" in str(one(edit(repository, SIZE, rule, "size: 3", "size: 9"))["message"])


def test_without_a_message_the_rule_is_shown(repository) -> None:
    assert "failed rule: self.size <= 5" in str(
        one(edit(repository, SIZE, "{rule: self.size <= 5}", "size: 3", "size: 9"))["message"]
    )


@pytest.mark.parametrize(
    ("fields", "rule", "edit_of", "found"),
    [
        (SIZE, "self.size >= oldSelf.size", ("size: 3", "size: 2"), True),
        (SIZE, "self.size >= oldSelf.size", ("size: 3", "size: 4"), False),
        ("day: {type: string, format: date-time}\n", "self.day >= oldSelf.day",
         ("day: '2026-01-02T00:00:00Z'", "day: '2026-01-01T23:00:00-02:00'"), False),
        ("day: {type: string, format: date-time}\n", "self.day >= oldSelf.day",
         ("day: '2026-01-02T00:00:00Z'", "day: '2026-01-01T23:00:00Z'"), True),
        ("wait: {type: string, format: duration}\n", "self.wait < duration('2m')", ("wait: 1m", "wait: 90s"), False),
        ("wait: {type: string, format: duration}\n", "self.wait < duration('2m')", ("wait: 1m", "wait: 1h"), True),
        ("data: {type: string, format: byte}\n", "self.data == b'hi'", ("data: aGk=", "data: aGk=\n  extra: 1"), False),
        ("my-size: {type: integer}\n", "self.my__dash__size < 5", ("my-size: 3", "my-size: 9"), True),
        ("size: {x-kubernetes-int-or-string: true}\n", "type(self.size) == int ? self.size < 5 : self.size == '5%'",
         ("size: 3", "size: 5%"), False),
        ("weight: {type: number}\n", "self.weight / 2.0 < 2.0", ("weight: 3", "weight: 5"), True),
        ("weight: {type: number}\n", "self.weight / 2.0 < 2.0", ("weight: 3", "weight: 2"), False),
        ("size: {type: integer, default: 7}\n", "self.size < 5", ("size: 3", "other: 1"), True),
        ("tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}\n", "self.tags == oldSelf.tags",
         ("tags: [a, b]", "tags: [b, a]"), False),
        ("tags: {type: array, items: {type: string}}\n", "self.tags == oldSelf.tags",
         ("tags: [a, b]", "tags: [b, a]"), True),
        ("parts: {type: object, additionalProperties: {type: integer}}\n", "self.parts.all(key, self.parts[key] < 5)",
         ("parts: {a: 1}", "parts: {a: 9}"), True),
    ],
)  # fmt: skip
def test_values_are_what_the_schema_says_that_they_are(repository, fields, rule, edit_of, found) -> None:
    ended = edit(repository, fields, f'{{rule: "{rule}"}}', *edit_of)
    assert own(ended) == (["policy/crd-rule"] if found else []), ended.stdout


def test_a_transition_rule_says_nothing_of_a_new_object(repository) -> None:
    text = definition(SIZE, "{rule: self.size == oldSelf.size}")
    assert own(judge(repository, {CRD: text}, {WIDGET: widget()})) == []


def test_an_optional_old_value_is_absent_for_a_new_object(repository) -> None:
    text = definition(SIZE, "{rule: 'oldSelf.hasValue() || self.size == 1', optionalOldSelf: true}")
    assert own(judge(repository, {CRD: text}, {WIDGET: widget()})) == ["policy/crd-rule"]


def test_an_optional_old_value_is_there_for_an_edited_object(repository) -> None:
    rule = "{rule: 'oldSelf.optMap(old, old.size <= self.size).orValue(false)', optionalOldSelf: true}"
    assert own(edit(repository, SIZE, rule, "size: 3", "size: 4")) == []


PARTS = """\
parts: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: {type: object, \
required: [name], properties: {name: {type: string}, size: {type: integer, x-kubernetes-validations: \
[{rule: self == oldSelf, message: fixed}]}}}}
"""


def test_items_of_a_list_are_compared_by_their_keys(repository) -> None:
    old = "parts: [{name: a, size: 1}, {name: b, size: 2}]"
    new = "parts: [{name: b, size: 2}, {name: c, size: 7}, {name: a, size: 5}]"
    text = crd(fields=PARTS)
    ended = judge(repository, {CRD: text, WIDGET: widget(spec=old)}, {WIDGET: widget(spec=new)})
    assert one(ended)["field"] == "spec.parts[2].size"


def test_properties_of_a_map_are_compared_by_name(repository) -> None:
    fields = (
        "parts: {type: object, additionalProperties: {type: integer, x-kubernetes-validations: "
        "[{rule: self >= oldSelf}]}}\n"
    )
    files = {CRD: crd(fields=fields), WIDGET: widget(spec="parts: {a: 1, b: 2}")}
    ended = judge(repository, files, {WIDGET: widget(spec="parts: {b: 1, c: 0}")})
    assert one(ended)["field"] == "spec.parts.b"


def test_what_the_base_broke_and_the_change_leaves_alone_is_tolerated(repository) -> None:
    fields = "size: {type: integer, x-kubernetes-validations: [{rule: self <= 5}]}\nother: {type: integer}\n"
    files = {CRD: crd(fields=fields), WIDGET: widget(spec="size: 9")}
    ended = judge(repository, files, {WIDGET: widget(spec="size: 9\n  other: 1")})
    assert (own(ended), own(ended, "existing")) == ([], ["policy/crd-rule"])


def test_what_the_base_broke_and_the_change_breaks_otherwise_is_refused(repository) -> None:
    fields = "size: {type: integer, x-kubernetes-validations: [{rule: self <= 5}]}\n"
    files = {CRD: crd(fields=fields), WIDGET: widget(spec="size: 9")}
    assert own(judge(repository, files, {WIDGET: widget(spec="size: 8")})) == ["policy/crd-rule"]


def test_nothing_is_tolerated_before_kubernetes_1_30(repository) -> None:
    fields = "size: {type: integer, x-kubernetes-validations: [{rule: self <= 5}]}\nother: {type: integer}\n"
    settings = {".gitgate/settings.yaml": "version: 1\nkubernetesVersions: ['1.29', '1.33']\n"}
    files = {CRD: crd(fields=fields), WIDGET: widget(spec="size: 9"), **settings}
    assert own(judge(repository, files, {WIDGET: widget(spec="size: 9\n  other: 1")})) == ["policy/crd-rule"]


def test_a_rule_that_only_some_clusters_take_judges_all_the_same(repository) -> None:
    settings = {".gitgate/settings.yaml": "version: 1\nkubernetesVersions: ['1.29', '1.33']\n"}
    text = definition(SIZE, "{rule: \"isIP('::1') && self.size <= 5\"}")
    ended = judge(repository, {CRD: text, WIDGET: widget(spec="size: 3"), **settings}, {WIDGET: widget(spec="size: 9")})
    assert own(ended) == ["policy/crd-rule"]


@pytest.mark.parametrize(("change", "found"), [("size: 9", ["policy/limit"]), ("size: 3", [])])
def test_what_an_api_server_can_ask_and_gitgate_cannot_does_not_pass_unjudged(repository, change, found) -> None:
    text = definition(SIZE, '{rule: "' + " + ".join(["'a'"] * 40) + " != '' && self.size <= 5\"}")
    files = {"other.yaml": config_map("other")}
    ended = judge(repository, {CRD: text, WIDGET: widget(spec="size: 3")}, {WIDGET: widget(spec=change), **files})
    assert own(ended) == found
    assert own(ended, "existing") == ["policy/crd-rule-invalid"]


def test_what_the_change_mends_is_fixed(repository) -> None:
    assert own(edit(repository, SIZE, "{rule: self.size <= 5}", "size: 9", "size: 3"), "fixed") == ["policy/crd-rule"]


def test_a_rule_that_the_change_brings_is_asked_of_untouched_objects(repository) -> None:
    before = {CRD: definition(SIZE), WIDGET: widget(spec="size: 9")}
    ended = judge(repository, before, {CRD: definition(SIZE, "{rule: self.size <= 5}")})
    assert own(ended) == ["policy/crd-rule"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("{rule: 'self.size >'}", "line 1, column 12"),
        ("{rule: self.sise < 5}", "undefined field 'sise'; did you mean 'size'?"),
        ("{rule: self.size == 'a'}", "no matching overload for '_==_' applied to '(int, string)'"),
        ("{rule: self.size}", "must evaluate to bool"),
        ("{rule: object.spec.size < 5}", "undeclared reference to 'object.spec.size'"),
        ("{rule: self.size < 5, optionalOldSelf: true}", "may not be set"),
        ("{rule: self.size < 5, fieldPath: .sise}", "fieldPath must name a field"),
        ("{rule: ''}", "must have an expression"),
        ("{rule: self.size < 5, messageExpression: self.size}", "must evaluate to string"),
    ],
)
def test_a_rule_that_the_api_server_would_refuse_is_found_in_the_definition(repository, rule, words) -> None:
    finding = one(judge(repository, {CRD: definition(SIZE)}, {CRD: definition(SIZE, rule)}))
    assert finding["rule"] == "policy/crd-rule-invalid"
    assert words in str(finding["message"])
    assert finding["location"]["path"] == CRD
    assert finding["location"]["line"] == 24


def test_an_old_value_cannot_be_asked_for_in_a_list_without_keys(repository) -> None:
    fields = "tags: {type: array, items: {type: string, x-kubernetes-validations: [{rule: self == oldSelf}]}}\n"
    finding = one(judge(repository, {CRD: definition(SIZE)}, {CRD: crd(fields=fields)}))
    assert "nothing tells apart" in str(finding["message"])


@pytest.mark.parametrize(
    "rule",
    [
        "self.tags.all(a, self.tags.all(b, self.tags.all(c, a + b + c != '')))",
        "'a'.replace('', 'aaaaaaaaaa')" + ".replace('a', 'aaaaaaaaaaaaaaaaaaaa')" * 8 + " == ''",
    ],
)
def test_a_hostile_rule_ends_in_a_finding_and_the_others_judge(repository, rule) -> None:
    fields = SIZE + "tags: {type: array, items: {type: string}}\n"
    text = definition(fields, f'{{rule: "{rule}"}}', "{rule: self.size <= 5}")
    spec = f"size: 9\n  tags: [{', '.join(['x'] * 300)}]"
    started = time.monotonic()
    ended = judge(repository, {CRD: text}, {WIDGET: widget(spec=spec)})
    assert own(ended) == ["policy/crd-rule", "policy/limit"]
    assert time.monotonic() - started < 10


def test_status_is_not_judged_where_it_is_a_subresource(repository) -> None:
    text = crd(fields=SIZE).replace("      served: true", "      subresources: {status: {}}\n      served: true")
    text += "            status:\n              type: object\n              x-kubernetes-validations:\n"
    text += "                - {rule: self.ready}\n              properties: {ready: {type: boolean}}\n"
    ended = judge(repository, {CRD: text}, {WIDGET: widget() + "status:\n  ready: false\n"})
    assert own(ended) == []


def test_validate_asks_the_rules_without_old_values(tmp_path) -> None:
    text = definition(SIZE, "{rule: self.size <= 5}", "{rule: self.size == oldSelf.size}")
    (tmp_path / "all.yaml").write_text(f"{text}---\n{widget(spec='size: 9')}")
    ended = gitgate("validate", ".", "--output", "json", cwd=tmp_path)
    assert own(ended) == ["policy/crd-rule"]


def test_rules_of_a_definition_that_only_stands_below_gitgate_schemas_are_asked(repository) -> None:
    text = definition(SIZE, "{rule: self.size <= 5, message: too large}")
    before = {".gitgate/schemas/widget.yaml": text, WIDGET: widget(spec="size: 3")}
    ended = judge(repository, before, {WIDGET: widget(spec="size: 9")})
    assert one(ended)["message"] == "the API server would refuse the UPDATE: Invalid value: too large"


def test_a_change_does_not_bring_the_definition_that_takes_kept_rules_away(repository) -> None:
    text = definition(SIZE, "{rule: self.size <= 5, message: too large}")
    before = {".gitgate/schemas/widget.yaml": text, WIDGET: widget(spec="size: 3")}
    ended = judge(repository, before, {WIDGET: widget(spec="size: 9"), CRD: definition(SIZE)})
    assert own(ended) == ["policy/crd-rule"]


def test_a_kept_definition_does_not_count_where_the_base_has_its_own(repository) -> None:
    text = definition(SIZE, "{rule: self.size <= 5, message: too large}")
    before = {".gitgate/schemas/widget.yaml": text, CRD: definition(SIZE), WIDGET: widget(spec="size: 3")}
    assert own(judge(repository, before, {WIDGET: widget(spec="size: 9")})) == []


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("password: {type: string}", "password: hunter2-hunter2", False),
        ("apiKey: {type: string}", "apiKey: hunter2-hunter2", False),
        ("pin: {type: string, format: password}", "pin: hunter2-hunter2", False),
        (
            "credentials: {type: object, additionalProperties: {type: string}}",
            "credentials: {a: hunter2-hunter2}",
            False,
        ),
        ("plain: {type: string}", "plain: hunter2-hunter2", True),
    ],
)
@pytest.mark.parametrize(
    "rule", ["{rule: 'self.size < 5', messageExpression: \"'has ' + READ\"}", "rule: int(READ) < 5"]
)
def test_a_message_of_a_rule_does_not_quote_secrets(
    repository, field: str, value: str, *, shown: bool, rule: str
) -> None:
    read = f"self.{field.partition(':')[0]}" + ("['a']" if "object" in field else "")
    ended = edit(repository, f"{SIZE}{field}\n", rule.replace("READ", read), "size: 3", f"size: 9\n  {value}")
    message = one(ended)["message"]
    assert ("hunter2-hunter2" in message) is shown or (shown and "ended with an error" in message)
    assert shown or "(sensitive)" in message or "ended with an error" in message
