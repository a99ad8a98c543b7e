"""Reading YAML: splitting, positions, limits, findings; attacks are named for the rows of the threat model (Y1 to Y9)."""

from __future__ import annotations

import json

import pytest

from gitgate.location import Position
from gitgate.yaml_document import YamlFile, YamlLimits, read_yaml
from tests.support.yaml_reading import read_apart

MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"


def read(text: str, **limits: int) -> YamlFile:
    return read_yaml(text.encode("utf-8", "surrogatepass"), YamlLimits(**limits))


def codes(file: YamlFile) -> list[str]:
    return [problem.code for problem in file.problems]


def values(file: YamlFile) -> list[object]:
    return [document.value for document in file.documents]


def only(file: YamlFile) -> tuple[str, int, int, bool]:
    (problem,) = file.problems
    return problem.code, problem.position.line, problem.position.column, problem.fatal


# Splitting


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("---", []),
        ("---\n---\n", []),
        ("# only a comment\n", []),
        ("null\n---\n~\n", []),
        ("a: 1", [{"a": 1}]),
        ("---\na: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("---\na: 1\n---", [{"a": 1}]),
        ("a: 1\n---   \nb: 2", [{"a": 1}, {"b": 2}]),
        ("a: 1\n---\t\nb: 2", [{"a": 1}, {"b": 2}]),
        ("a: 1\n--- # the second\nb: 2", [{"a": 1}, {"b": 2}]),
        ("a: 1\r\n---\r\nb: 2\r\n", [{"a": 1}, {"b": 2}]),
        ("\ufeffa: 1\n", [{"a": 1}]),
        ("a: 1\n# c\n---\n# nothing\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("a: 1\n...\n", [{"a": 1}]),
        ("a: 1\n...\n# end\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("a: |\n  x\n   ---\n  y\n", [{"a": "x\n ---\ny\n"}]),
        ("[1, 2]", [[1, 2]]),
    ],
)
def test_documents_are_split_as_kubectl_splits_them(text: str, expected: list[object]) -> None:
    file = read(text)
    assert values(file) == expected
    assert file.problems == ()


def test_documents_know_their_index_and_line() -> None:
    file = read("# first\n---\n\na: 1\n---\n---\n# second\nb: 2\n")
    assert [(document.index, document.line) for document in file.documents] == [(0, 4), (1, 8)]


@pytest.mark.parametrize(
    ("separator"),
    ["---#x: |", "---\t#", "--- {a: 1}", "--- !!map", "--- |", "---a", "----", "--- a: 1", "---\u00a0", "--- \t# c"],
)
def test_y1_a_separator_that_readers_take_differently_makes_the_file_unreadable(separator: str) -> None:
    file = read(f"a: 1\n---\nb: 2\n{separator}\nc: 3\n")
    assert file.documents == ()
    assert only(file) == ("yaml-split-ambiguous", 4, 4, True)
    assert file.problems[0].document == 2


def test_y1_a_hidden_role_binding_is_not_read_as_one_config_map() -> None:
    text = MANIFEST + "---#x: |\n  apiVersion: rbac.authorization.k8s.io/v1\n  kind: ClusterRoleBinding\n"
    assert codes(read(text)) == ["yaml-split-ambiguous"]


def test_y1_content_after_the_end_marker_is_refused_because_kubectl_drops_it() -> None:
    file = read("a: 1\n...\nb: 2\n---\nc: 3\n")
    assert values(file) == [{"c": 3}]
    assert [problem.fatal for problem in file.problems] == [True]
    assert file.problems[0].position.line in (2, 3)


@pytest.mark.parametrize("second", ["{b: 2}", "b: 2", '"x"', "[1]"])
def test_y1_a_second_root_in_one_document_is_refused(second: str) -> None:
    file = read(f"---\n{{a: 1}}\n{second}\n")
    assert file.documents == ()
    assert codes(file) == ["yaml-syntax"]


def test_directives_are_refused_as_kubectl_refuses_them() -> None:
    file = read("# c\n%YAML 1.1\n---\na: 1\n")
    assert values(file) == [{"a": 1}]
    assert only(file) == ("yaml-syntax", 2, 1, True)


# Merge keys and duplicates


def test_y2_a_merge_key_after_the_keys_that_it_overrides_is_reported_and_read_as_kubectl_reads_it() -> None:
    file = read("base: &b\n  privileged: true\nsecurityContext:\n  privileged: false\n  <<: *b\n")
    assert values(file) == [{"base": {"privileged": True}, "securityContext": {"privileged": True}}]
    assert only(file) == ("yaml-merge-order", 5, 7, False)
    assert file.problems[0].path == ("securityContext", "privileged")


@pytest.mark.parametrize(
    "text",
    ["v: {<<: {a: 1}, a: 2}", "v: {b: 1, <<: {a: 1}}", "x: &x {a: 1}\nv:\n  <<: [*x, {b: 2}]\n  a: 3\n"],
)
def test_y2_a_merge_key_that_overrides_nothing_is_fine(text: str) -> None:
    assert read(text).problems == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb: 2\na: 3\n", (3, 1)),
        ('kind: Pod\n"\\x6bind": Secret\n', (2, 1)),
        ("{1: a, '1': b}", (1, 8)),
        ("{true: a, yes: b}", (1, 11)),
        ('{"a": 1, "a": 2}', (1, 10)),
        ("a:\n  - b: 1\n    c: 2\n    b: 3\n", (4, 5)),
        ("&a k: 1\n*a : 2\n", (2, 1)),
        ("a: {b: 1}\na: {c: 1}\n", (2, 1)),
        ("v: {<<: {a: 1}, a: 2, a: 3}", (1, 23)),
        ("v: {<<: {a: 1}, <<: {b: 2}}", (1, 17)),
    ],
)
def test_y3_repeated_keys_are_reported_at_the_second_one(text: str, place: tuple[int, int]) -> None:
    found = [problem for problem in read(text).problems if problem.code == "yaml-duplicate-key"]
    assert [(problem.position.line, problem.position.column) for problem in found] == [place]
    assert len(read(text).documents) == 1


def test_y3_the_last_of_repeated_keys_counts() -> None:
    assert values(read("a: 1\na: 2\n")) == [{"a": 2}]


def test_y3_a_freed_mapping_does_not_lend_its_merged_keys_to_another_one() -> None:
    text = "".join(f"k{number}: {{<<: {{<<: {{x: 1}}, y: 2}}}}\nd{number}: {{x: 1, x: 2}}\n" for number in range(50))
    assert codes(read(text)).count("yaml-duplicate-key") == 50


def test_y4_ambiguous_scalars_are_reported_where_they_stand() -> None:
    file = read("a: yes\nb: [no, 2024-01-01]\non: x\nc: {d}\n")
    found = [(problem.position, problem.path) for problem in file.problems]
    assert found == [
        (Position(1, 4), ("a",)),
        (Position(2, 5), ("b", 0)),
        (Position(2, 9), ("b", 1)),
        (Position(3, 1), ("true",)),
        (Position(4, 6), ("c", "d")),
    ]
    assert set(codes(file)) == {"yaml-ambiguous-scalar"}


# Characters


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: 1\rb: 2\n", 1, 5),
        ("a: 1 # x\u2028b: 2\n", 1, 9),
        ("a: 1 # x\u2029b: 2\n", 1, 9),
        ("a: 1\n# x\x85b: 2\n", 2, 4),
        ("a: 1\n\ufeffb: 2\n", 2, 1),
        ("a: \x1b[31m\n", 1, 4),
        ("a: x\x0cy\n", 1, 5),
        ("a: x\x7f\n", 1, 5),
        ("a: é\x9b\n", 1, 5),
        ("a: \uffff\n", 1, 4),
    ],
)
def test_y5_line_breaks_and_controls_that_readers_take_differently_are_fatal(text: str, line: int, column: int) -> None:
    file = read(text)
    assert file.documents == ()
    assert only(file) == ("yaml-hidden-character", line, column, True)


@pytest.mark.parametrize("character", "\u202e\u2066\u200b\u200d\u200c\u2060\u00ad\u200e\u061c\U000e0041\u3164")
def test_y5_invisible_characters_are_reported(character: str) -> None:
    file = read(f"kind: Po{character}d\n")
    assert only(file) == ("yaml-hidden-character", 1, 9, False)
    assert f"U+{ord(character):04X}" in file.problems[0].message


@pytest.mark.parametrize(
    "text",
    [
        'title: "👩\u200d💻 👨\u200d👩\u200d👧 🏳\ufe0f\u200d🌈 ❤\ufe0f"',
        "title: می\u200cخواهم",
        "title: a\u00a0b",
        "title: naïve Ω ж 漢字 – “x” …",
        'a: "\\u202e \\u2028 \\t"',
        "a: x\ty # \t\n",
    ],
)
def test_y5_visible_text_of_any_script_is_fine(text: str) -> None:
    file = read(text)
    assert file.problems == ()
    assert len(file.documents) == 1


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"a: 1\nb: \xff\n", 2), (b"a: \xc0\xaf\n", 1), (b"a: \xed\xa0\x80\n", 1), ("a: 1".encode("utf-16"), 1)],
)
def test_y5_text_that_is_not_utf8_is_refused(data: bytes, line: int) -> None:
    file = read_yaml(data)
    assert only(file)[:2] == ("yaml-encoding", line)
    assert file.documents == ()


# JSON


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": 1}{"b": 2}', (1, 9)),
        ('{"a": 1}\n{"b": 2}\n', (2, 1)),
        ('{"a": 1}\n---\n{"b": 2}\n', (3, 1)),
        ('{"a": 1}\n---\nb: 2\n', (3, 1)),
    ],
)
def test_y6_a_second_json_value_is_reported(text: str, place: tuple[int, int]) -> None:
    found = [problem for problem in read(text).problems if problem.code == "yaml-split-ambiguous"]
    assert [(problem.position.line, problem.position.column) for problem in found] == [place]


def test_y6_one_json_value_reads_as_it_is() -> None:
    text = json.dumps({"a": [1, 2.5, None, True, '\ud83d\ude00 / \\ " \t é'], "b": {}}, indent="\t")
    file = read(text.replace("/", "\\/"))
    assert values(file) == [json.loads(text)]
    assert file.problems == ()


def test_y6_a_lone_surrogate_is_the_replacement_character_as_in_go() -> None:
    assert values(read('{"a": "\\ud800x \\\\ud800"}')) == [{"a": "\ufffdx \\ud800"}]


def test_y6_kyaml_flow_style_is_read() -> None:
    file = read(
        '---\n{\n  kind: "Pod",\n  spec: {\n    containers: [{\n      name: "a",\n    }],\n  },\n}\n---\n{\n  a: 1,\n}\n'
    )
    assert values(file) == [{"kind": "Pod", "spec": {"containers": [{"name": "a"}]}}, {"a": 1}]
    assert file.problems == ()


# Bombs

MILLION = 10**6
ALIAS_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
)
MERGE_BOMB = "m0: &m0 {k: x}\n" + "".join(
    f"m{level}: &m{level} {{<<: [{', '.join([f'*m{level - 1}'] * 9)}], k{level}: [{', '.join([f'*m{level - 1}'] * 9)}]}}\n"
    for level in range(1, 10)
)
DEEP_ALIASES = "a0: &a0 [x]\n" + "".join(f"a{level}: &a{level} [*a{level - 1}]\n" for level in range(1, 300))


BOMBS = [
    ("[" * MILLION, "yaml-limit"),
    ("{" * MILLION, "yaml-limit"),
    ("[{" * (MILLION // 2), "yaml-limit"),
    ("{a: " * (MILLION // 4), "yaml-limit"),
    ("- " * MILLION, "yaml-limit"),
    ("? " * MILLION, "yaml-invalid-value"),
    ("[\n" * MILLION, "yaml-limit"),
    ("[? " * MILLION, "yaml-invalid-value"),
    ("".join(f"{' ' * depth}a:\n" for depth in range(2000)), "yaml-limit"),
    ("-\n" * MILLION, "yaml-limit"),
    ("[" + "a," * MILLION, "yaml-limit"),
    ("{" + "a," * MILLION, "yaml-limit"),
    ("&a " * MILLION, "yaml-syntax"),
    ("".join(f"- &a{number} x\n" for number in range(140_000)), "none"),
    ("- &a x\n" + "- *a\n" * 800_000, "yaml-limit"),
    ("- &a x\n" + "- *a\n" * 90_000, "none"),
    ("%TAG !a! b\n" * (MILLION // 11), "yaml-syntax"),
    ("".join(f"%TAG !a{number}! b\n" for number in range(60_000)), "yaml-syntax"),
    ("a: " + "x" * MILLION, "none"),
    ("a: " + "x" * 2 * MILLION, "yaml-limit"),
    ('"' + "k" * MILLION + '": 1', "yaml-syntax"),
    ("? " + "k" * MILLION + "\n: 1", "none"),
    ("? " + "k" * 2 * MILLION + "\n: 1", "yaml-limit"),
    ("a: |\n" + "  x\n" * (MILLION // 4), "none"),
    ('a: "' + "\\n" * (MILLION // 2) + '"', "none"),
    ("a: '" + "''" * (MILLION // 2) + "'", "none"),
    ("#" * MILLION, "none"),
    (" " * MILLION + "\n" + "\n" * MILLION, "none"),
    (("#" * 100 + "\n") * 10_000 + "%", "yaml-syntax"),
    ("---\n" * MILLION, "none"),
    ("a\n---\n" * 600_000, "yaml-limit"),
    ("!" * MILLION, "none"),
    ("!<" + "a" * MILLION, "yaml-syntax"),
    ("a: 1" + "0" * MILLION, "none"),
    ("a: 0x" + "f" * MILLION, "none"),
    ("a: " + "1_" * (MILLION // 2), "none"),
    ("[" + "y," * 200_000 + "]", "none"),
    ("{" + "a: 1," * 90_000 + "}", "none"),
    ("{{" * (MILLION // 2), "yaml-limit"),
    (": " * MILLION, "yaml-syntax"),
    ("x" * 5 * MILLION, "yaml-limit"),
    ('{"a":' * 200_000, "yaml-limit"),
    (ALIAS_BOMB, "yaml-limit"),
    (MERGE_BOMB, "yaml-limit"),
    (DEEP_ALIASES, "yaml-limit"),
    ("&a [*a]", "yaml-alias"),
    ("&a {b: *a}", "yaml-alias"),
    ("&a {<<: *a}", "yaml-alias"),
    ("&a {b: {c: [*a]}}", "yaml-alias"),
    ("&a {*a : b}", "yaml-alias"),
]


@pytest.mark.parametrize("number", range(len(BOMBS)), ids=[f"{data[:12]!r}" for data, _ in BOMBS])
def test_y8_bombs_end_soon_without_a_crash(number: int) -> None:
    data, code = BOMBS[number]
    _, found, seconds = read_apart(data.encode())
    assert found == code
    assert seconds < 3, "at most 0.6 on an idle machine; what is quadratic takes minutes"


@pytest.mark.parametrize(
    ("text", "limits", "message"),
    [
        ("a: 1\n", {"bytes": 4}, "the file has 5 bytes, and 4 are allowed"),
        ("a\n---\nb\n---\nc\n", {"documents": 2}, "the file holds more than 2 documents"),
        ("[a, b, c, d]", {"nodes": 4}, "the file holds more than 4 values"),
        ("[[[a]]]", {"depth": 2}, "mappings and lists nest deeper than 2 levels"),
        ("[&a [x, z], *a, *a]", {"alias_weight": 5}, "aliases stand for more than 5 values"),
        ("[&a [[x]], [*a]]", {"depth": 3}, "mappings and lists nest deeper than 3 levels"),
        ("a: xxxxx", {"scalar_length": 4}, "a scalar is longer than 4 characters"),
        ("xxxxx: a", {"scalar_length": 4}, "a key is longer than 4 characters"),
    ],
)
def test_y8_every_limit_has_a_name_and_a_place(text: str, limits: dict[str, int], message: str) -> None:
    file = read(text, **limits)
    assert file.documents == () or "documents" not in limits
    assert [problem.message for problem in file.problems] == [message]
    assert only(file)[0] == "yaml-limit"
    assert only(file)[3]


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("[a, b]", {"nodes": 5}),
        ("[[a]]", {"depth": 2}),
        ("[&a [x, z], *a]", {"alias_weight": 3}),
        ("[&a [x], [*a]]", {"depth": 3}),
        ("a: xxxx", {"scalar_length": 4}),
    ],
)
def test_y8_what_is_at_its_limit_is_read(text: str, limits: dict[str, int]) -> None:
    assert read(text, **limits).problems == ()


def test_y8_the_budget_is_the_files_and_not_each_documents() -> None:
    file = read("[a, b, c]\n---\n[a, b, c]\n---\n[a, b, c]\n", nodes=12)
    assert codes(file)[-1] == "yaml-limit"
    assert len(file.documents) < 3


def test_many_problems_are_summed_up_and_no_fatal_one_is_lost() -> None:
    file = read("[" + "yes, " * 300 + "]\n---\n{", problems=10)
    assert len(file.problems) == 11
    assert any(problem.fatal for problem in file.problems)
    assert any("more than 10 problems" in problem.message for problem in file.problems)


# Tags and aliases


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: !foo bar", {"a": "bar"}),
        ("a: !!python/object/apply:os.system [id]", {"a": ["id"]}),
        ("a: !vault |\n  x\n", {"a": "x\n"}),
        ("!foo a: 1", {"a": 1}),
    ],
)
def test_y9_custom_tags_are_ignored_and_reported(text: str, value: object) -> None:
    file = read(text)
    assert values(file) == [value]
    assert codes(file) == ["yaml-custom-tag"]
    assert not file.problems[0].fatal


def test_duplicate_anchors_and_a_plain_equals_sign_are_accepted() -> None:
    file = read("a: &x 1\nb: &x 2\nc: *x\nd: =\n")
    assert values(file) == [{"a": 1, "b": 2, "c": 2, "d": "="}]
    assert file.problems == ()


def test_an_unknown_alias_is_reported_where_it_stands() -> None:
    file = read("a:\n  - *.example.org\n")
    assert [problem.position.line for problem in file.problems] == [2]
    assert file.problems[0].fatal


# Syntax errors and templates


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: b: c\n", 1, 5, 'a second ": "'),
        ("a:\n  b: 1\n\tc: 2\n", 3, 1, "a tab indents this line"),
        ("a: 'x\nb: y\n", 1, 4, "quote that opens here is never closed"),
        ('a: "x\n---\nb: y\n', 1, 4, "quote that opens here is never closed"),
        ('a: "\\d"\n', 1, 5, "backslash escape"),
        ("a: @x\n", 1, 4, "cannot start with @"),
        ("a: `x`\n", 1, 4, "cannot start with `"),
        ("a: %x\n", 1, 4, "cannot start with %"),
        ("a: [1, 2\nb: 3\n", 2, 2, "the bracket that opens on line 1 is not closed"),
        ("a:\n  b: 1\n c: 2\n", 3, 2, "does not continue the mapping of line 1"),
        ("a:\n- b\n  c: d\n", 3, 4, 'a second ": "'),
        ("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> x\n", 2, 1, "git merge conflict"),
        ("a: 1\nb\nc: 2\n", 2, 1, "line 2 is neither"),
        ("a: * b\n", 1, 4, "mark aliases and anchors"),
        ("a:\n  b:\u00a01\n  c: 2\n", 2, 5, "no-break space"),
        ("a: |x\n  b\n", 1, 5, "text follows | or >"),
        ("a: [b:]\n", 1, 6, "a colon follows a value inside brackets"),
    ],
)
def test_a_syntax_error_says_what_to_look_for(text: str, line: int, column: int, words: str) -> None:
    file = read(text)
    problem = file.problems[0]
    assert words in problem.message
    assert (problem.code, problem.fatal) == ("yaml-syntax", True)
    assert (problem.position.line, problem.position.column) == (line, column)
    assert problem.fix


def test_a_syntax_error_spoils_its_document_only() -> None:
    file = read("a: 1\n---\nb: [\n---\nc: 3\n")
    assert values(file) == [{"a": 1}, {"c": 3}]
    assert [document.index for document in file.documents] == [0, 2]
    assert [(problem.document, problem.position.line) for problem in file.problems] == [(1, 4)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{{- if .Values.on }}\nkind: Pod\n{{- end }}\n", (1, 1)),
        ("kind: Pod\nmetadata:\n  name: {{ .Values.name }}\n", (3, 9)),
        ('kind: Pod\nmetadata:\n  name: {{ include "x" . }}-web\n', (3, 9)),
        ("a:\n  {{- toYaml .Values.a | nindent 2 }}\n", (2, 3)),
        ("a:\n{% for x in y %}\n  - {{ x }}\n{% endfor %}\n", (2, 1)),
        ("a: [{{ x }}]\n", (1, 5)),
    ],
)
def test_a_template_is_called_one(text: str, place: tuple[int, int]) -> None:
    file = read(text)
    assert codes(file) == ["yaml-template"]
    assert (file.problems[0].position.line, file.problems[0].position.column) == place
    assert file.problems[0].fatal


def test_braces_in_text_do_not_make_a_broken_file_a_template() -> None:
    assert codes(read('a: "{{ x }}"\nb: |\n  {{ y }}\nc:\n  d: 1\n e: 2\n')) == ["yaml-syntax"]


def test_braces_in_quotes_are_text() -> None:
    assert values(read("a: \"{{ x }}\"\nb: '{{ y }}'\nc: x{{ y }}\nd: |\n  {{ z }}\n"))[0] == {
        "a": "{{ x }}",
        "b": "{{ y }}",
        "c": "x{{ y }}",
        "d": "{{ z }}\n",
    }


# Opaque files

CIPHERTEXT = "ENC[AES256_GCM,data:YWJj,iv:YWJj,tag:YWJj,type:str]"
STAMP = f"sops:\n  mac: {CIPHERTEXT}\n  version: 3.9.0\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0GITCRYPT\0\x12\x13", "encrypted by git-crypt"),
        (b"a: 1\n\0", "binary"),
        (b"\x1f\x8b\x08\0\0", "binary"),
        (b"$ANSIBLE_VAULT;1.1;AES256\n6162\n6364\n", "encrypted by ansible-vault"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\nYWJj\n-----END AGE ENCRYPTED FILE-----\n", "encrypted by age"),
        (b"-----BEGIN PGP MESSAGE-----\n\nYWJj\n=abcd\n-----END PGP MESSAGE-----\n", "encrypted by PGP"),
    ],
)
def test_encrypted_and_binary_files_are_opaque(data: bytes, reason: str) -> None:
    assert read_yaml(data) == YamlFile(opaque=reason)


@pytest.mark.parametrize(
    "text",
    [
        "$ANSIBLE_VAULT;1.1;AES256: x\napiVersion: v1\nkind: Secret\n",
        "$ANSIBLE_VAULT;1.1;AES256\nkind: Secret\n",
        "-----BEGIN PGP MESSAGE-----\n---\nkind: Secret\n",
        "-----BEGIN AGE ENCRYPTED FILE-----\nYWJj\n-----END AGE ENCRYPTED FILE-----\n---\nkind: Secret\n",
        "age-encryption.org/v1\n--- x\nkind: Secret\n",
    ],
)
def test_c4_a_manifest_that_starts_like_a_ciphertext_is_not_opaque(text: str) -> None:
    assert read(text).opaque is None


def test_c4_sops_is_recognised_by_every_value() -> None:
    text = f"kind: Secret\nmetadata:\n  name: a\ndata:\n  a: {CIPHERTEXT}\n  b: ''\n{STAMP}"
    (document,) = read(text).documents
    assert document.encrypted
    assert document.value["metadata"] == {"name": "a"}


@pytest.mark.parametrize(
    "text",
    [
        f"data:\n  a: plain\n{STAMP}",
        f"data:\n  a: {CIPHERTEXT}\n  b: plain\n{STAMP}",
        f"data:\n  a: {CIPHERTEXT}\nspec:\n  replicas: 3\n{STAMP}",
        f"data:\n  a: {CIPHERTEXT} \\n plain\n{STAMP}",
        f"data:\n  a: {CIPHERTEXT}\nsops: true\n",
        f"data:\n  a: {CIPHERTEXT}\nsops:\n  mac: none\n  version: 3.9.0\n",
        f"kind: Secret\nmetadata:\n  name: a\n{STAMP}",
        "data: {a: 1}\n",
    ],
)
def test_c4_a_fake_sops_key_hides_nothing(text: str) -> None:
    assert [document.encrypted for document in read(text).documents] == [False]


# Positions


def test_positions_of_keys_values_and_items() -> None:
    file = read(
        "# c\nkind: Pod\n---\nspec:\n  containers:\n    - name: web\n      ports: [80, {a: b}]\n    -\n      x: é z\n"
    )
    first, second = file.documents
    assert first.position(("kind",)) == Position(2, 7)
    assert first.position(("kind",), key=True) == Position(2, 1)
    assert first.position(()) == Position(2, 1)
    containers = ("spec", "containers")
    assert second.position(("spec",), key=True) == Position(4, 1)
    assert second.position((*containers, 0)) == Position(6, 7)
    assert second.position((*containers, 0, "name")) == Position(6, 13)
    assert second.position((*containers, 0, "ports"), key=True) == Position(7, 7)
    assert second.position((*containers, 0, "ports", 0)) == Position(7, 15)
    assert second.position((*containers, 0, "ports", 1, "a")) == Position(7, 23)
    assert second.position((*containers, 1, "x")) == Position(9, 10)
    assert second.position((*containers, 2)) is None
    assert second.nearest((*containers, 0, "image", "tag")) == Position(6, 7)
    assert second.nearest(("nothing",), key=True) == Position(4, 1)


def test_positions_use_the_keys_of_the_value() -> None:
    (document,) = read('1: a\n"\\x6bind": b\nyes: c\n').documents
    assert set(document.value) == {"1", "kind", "true"}
    assert [document.position((key,), key=True) for key in document.value] == [
        Position(1, 1),
        Position(2, 1),
        Position(3, 1),
    ]


def test_what_an_alias_brings_is_placed_at_the_alias() -> None:
    (document,) = read("a: &x\n  b: {c: 1}\nd: *x\n").documents
    assert document.value["d"]["b"]["c"] == 1
    assert document.position(("d", "b")) is None
    assert document.nearest(("d", "b", "c")) == Position(3, 4)


def test_documents_and_files_are_frozen_and_equal_on_reading_again() -> None:
    assert read(MANIFEST) == read(MANIFEST)
    with pytest.raises(AttributeError):
        read(MANIFEST).documents[0].line = 2  # type: ignore[misc]


@pytest.mark.parametrize("end", ["", "\n"], ids=["without-a-last-line-break", "with"])
def test_a_block_scalar_at_the_end_ends_in_a_line_break_as_in_kubectl(end: str) -> None:
    (document,) = read_yaml(b"data:\n  text: |\n    last line" + end.encode()).documents
    assert document.value == {"data": {"text": "last line\n"}}
