"""What templates decide by what nobody knows, and what they only print."""

import pytest

from gitgate.sources.helm_decisions import Unknown, decisions
from gitgate.sources.helm_scan import reachable_actions


def decided(template: str, *minors: int) -> list[tuple[str, int]]:
    actions = reachable_actions({"a.yaml": template})
    return [(one.unknown.name, one.line) for one in decisions(actions, minors or (33,))]


V = ".Capabilities.KubeVersion.Version"
DECIDED = {
    "the time in a condition": ('\n{{ if gt (now | unixEpoch) "1" }}x{{ end }}', ("TIME", 2)),
    "the time in another branch": ('{{ if .Values.x }}{{ else if (now | date "2006" | eq "2027") }}{{ end }}', ("TIME", 1)),
    "the time compared in what is printed": ("privileged: {{ gt (now | unixEpoch | int) 1 }}", ("TIME", 1)),
    "the time in a variable": ('{{ $t := now }}\n{{ $u := $t | date "01" }}\n{{ if eq $u "02" }}{{ end }}', ("TIME", 3)),
    "the time printed by a helper": (
        '{{ define "t" }}{{ now | unixEpoch }}{{ end }}\n{{ if gt (include "t" .) "1" }}{{ end }}', ("TIME", 2),
    ),
    "the time printed by a helper of a computed name": (
        '{{ define "t" }}{{ now }}{{ end }}\n{{ if contains "2027" (include (print "t") .) }}{{ end }}', ("TIME", 2),
    ),
    "the time in the body of a file": (
        '{{ now }}\n{{ if contains "2027" (include (print $.Template.BasePath "/a.yaml") .) }}{{ end }}', ("TIME", 2),
    ),
    "the time handed to a helper": ('{{ include "x" (dict "t" now) }}', ("TIME", 1)),
    "the time piped into a helper": ('{{ now | include "x" }}', ("TIME", 1)),
    "the time put into a dictionary": (
        '{{ $d := dict }}{{ $_ := set $d "t" now }}\n{{ if contains "2027" (toString $d.t) }}{{ end }}', ("TIME", 2),
    ),
    "the time put into the values": ('{{ $_ := set .Values "t" now }}', ("TIME", 1)),
    "a date of what is none": ('{{ if eq (date "2006" .Values.x) "2027" }}{{ end }}', ("TIME", 1)),
    "a rare number": ("{{ if eq (randInt 0 1000) 7 }}{{ end }}", ("NUMBER", 1)),
    "a rare number that is nought": ('{{ default "evil" (randInt 0 1000) }}', ("NUMBER", 1)),
    "a rare number as an index": ('{{ index (list "a" "b") (randInt 0 2) }}', ("NUMBER", 1)),
    "rare digits replaced": ('{{ randNumeric 3 | replace "777" "evil" }}', ("CHANCE", 1)),
    "rare digits replaced by a pattern": ('{{ regexReplaceAll "^777$" (randNumeric 3) "evil" }}', ("CHANCE", 1)),
    "the number of the revision": ("{{ if gt .Release.Revision 1 }}{{ end }}", ("REVISION", 1)),
    "the number of the revision of what is handed on": ("{{ if gt $.root.Release.Revision 1 }}{{ end }}", ("REVISION", 1)),
    "the number of the revision by its name": ('{{ if gt (index .Release "Revision") 1 }}{{ end }}', ("REVISION", 1)),
    "a vendor of Kubernetes": (f'{{{{ if contains "gke" {V} }}}}{{{{ end }}}}', ("KUBERNETES", 1)),
    "one release of Kubernetes": (f'{{{{ if eq {V} "v1.33.4" }}}}{{{{ end }}}}', ("KUBERNETES", 1)),
    "a patch release of Kubernetes": (f'{{{{ if semverCompare ">=1.33.1-0" {V} }}}}{{{{ end }}}}', ("KUBERNETES", 1)),
    "no patch release of Kubernetes": (f'{{{{ if semverCompare ">1.33.0" {V} }}}}{{{{ end }}}}', ("KUBERNETES", 1)),
    "a constraint that is handed on": (
        f'{{{{ $c := ">1.33.0" }}}}\n{{{{ if semverCompare $c {V} }}}}{{{{ end }}}}', ("KUBERNETES", 2),
    ),
    "a patch release in a larger condition": (
        f'{{{{ if or .Values.x (and (eq .Values.y "a") (semverCompare ">=1.33.1" {V})) }}}}{{{{ end }}}}', ("KUBERNETES", 1),
    ),
    "a vendor beside a minor version": (
        f'{{{{ if or (contains "gke" {V}) (semverCompare ">=1.19-0" {V}) }}}}{{{{ end }}}}', ("KUBERNETES", 1),
    ),
    "a vendor by a pattern": (f'{{{{ if regexMatch "gke|eks" {V} }}}}{{{{ end }}}}', ("KUBERNETES", 1)),
    "a piped version": (f'{{{{ if {V} | semverCompare ">=1.33.2" }}}}{{{{ end }}}}', ("KUBERNETES", 1)),
    "a part of a version": (f"{{{{ if gt (semver {V}).Patch 0 }}}}{{{{ end }}}}", ("KUBERNETES", 1)),
    "a version compared as text": (f'{{{{ if gt {V} "v1.33.0" }}}}{{{{ end }}}}', ("KUBERNETES", 1)),
    "a version in a variable": (
        '{{ $v := .Capabilities.KubeVersion }}\n{{ if contains "eks" $v.GitVersion }}{{ end }}', ("KUBERNETES", 2),
    ),
    "the agent's Helm": ('{{ if semverCompare ">=3.18" .Capabilities.HelmVersion.Version }}{{ end }}', ("HELM", 1)),
    "the agent's compiler": ('{{ if eq .Capabilities.HelmVersion.GoVersion "go1.25" }}{{ end }}', ("HELM", 1)),
    "all that is served": ("{{ range .Capabilities.APIVersions }}{{ end }}", ("APIS", 1)),
    "an API version of several parts": (
        '{{ if .Capabilities.APIVersions.Has (printf "%s/%s" "a" "v1") }}{{ end }}', ("APIS", 1),
    ),
    "a template in a template": (
        '{{ if eq (tpl "{{ now | date \\"2006\\" }}" .) "2027" }}{{ end }}', ("TIME", 1),
    ),
    "a template of several parts": ('{{ tpl (printf "{{ %s }}" "now") . }}', ("TEMPLATE", 1)),
    "a template of halves": ('{{ tpl (print "{{ no" "w }}") . }}', ("TEMPLATE", 1)),
    "a template of single braces": ('{{ tpl (print "{" "{ now }" "}") . }}', ("TEMPLATE", 1)),
    "a template of characters": ('{{ tpl (printf "%c%c now }}" 123 123) . }}', ("TEMPLATE", 1)),
    "a template with escapes": (r'{{ tpl (print "\x7b\x7b" " now }}") . }}', ("TEMPLATE", 1)),
    "a template in disguise": ('{{ $t := b64dec "e3sgbm93IH19" }}\n{{ tpl $t . }}', ("TEMPLATE", 2)),
    "all that is served, as text": ('{{ if contains "x" (toString .Capabilities.APIVersions) }}{{ end }}', ("APIS", 1)),
    "all that is served, in a variable": ("{{ $a := .Capabilities.APIVersions }}\n{{ range $a }}{{ end }}", ("APIS", 2)),
}  # fmt: skip
PRINTED = {
    "the time": "{{ now }}",
    "the time formatted": '{{ now | date "2006-01-02" | quote }}',
    "the time beside a helper": '{{ printf "%s-%s" (include "n" .) (now | date "2006") }}',
    "a password": "{{ .Values.password | default (randAlphaNum 20) | b64enc }}",
    "a password in a variable": (
        '{{ $p := randAlphaNum 20 }}{{ if .Values.p }}{{ $p = .Values.p }}{{ end }}{{ $p | regexReplaceAllLiteral "\\\\W" "@" }}'
    ),
    "the number of the revision": "name: migrate-{{ .Release.Revision }}",
    "the version": f"{{{{ {V} }}}}",
    "a minor version": f'{{{{ if semverCompare ">=1.19-0" {V} }}}}{{{{ end }}}}',
    "a minor version in a larger condition": (
        f'{{{{ if or (eq .Values.x "true") (and (eq .Values.y "a") (semverCompare ">= 1.18-0" {V})) }}}}{{{{ end }}}}'
    ),
    "a minor version that is printed as an answer": (
        f'{{{{ define "s" }}}}{{{{ or .Values.x (semverCompare ">= 1.18-0" {V}) }}}}{{{{ end }}}}{{{{ if eq (include "s" .) "true" }}}}{{{{ end }}}}'
    ),
    "a version without its suffix": f'{{{{ regexFind "v[0-9]+\\.[0-9]+\\.[0-9]+" {V} }}}}',
    "a certificate that is there": (
        '{{ $c := genCA "x" 1 }}{{ if $c }}{{ end }}{{ if or (not (hasKey $c "a")) (not (hasKey $c "b")) }}{{ end }}'
    ),
    "a minor version that is ours": f'{{{{ if semverCompare ">=1.33-0" {V} }}}}{{{{ end }}}}',
    "a patch release of another minor version": f'{{{{ if semverCompare ">=1.19.3-0" {V} }}}}{{{{ end }}}}',
    "a minor number": "{{ if ge (int .Capabilities.KubeVersion.Minor) 22 }}{{ end }}",
    "a minor number of a version": f"{{{{ if ge (semver {V}).Minor 22 }}}}{{{{ end }}}}",
    "a version that values win over": (
        '{{ define "v" }}{{ default .Capabilities.KubeVersion.Version .Values.v }}{{ end }}'
        '{{ $v := include "v" . }}{{ if semverCompare "<1.21-0" $v }}{{ end }}'
    ),
    "the agent's major version": '{{ if semverCompare "<3.0.0" .Capabilities.HelmVersion.Version }}{{ end }}',
    "one API version": '{{ if .Capabilities.APIVersions.Has "a/v1" }}{{ end }}',
    "one API version of a variable": '{{ $a := .Capabilities.APIVersions }}{{ if $a.Has "a/v1" }}{{ end }}',
    "one API version of the values": "{{ if .Capabilities.APIVersions.Has .Values.api }}{{ end }}",
    "a template of values": '{{ tpl .Values.x . }}{{ tpl (toYaml .Values.y) $ }}{{ tpl (printf "%s" .Values.z) . }}',
    "a template that is written": '{{ tpl "{{ .Values.x }}" . }}',
    "braces for others": "{{ printf `{{ %s }}` .Values.x }}",
    "one API version in the list": '{{ if has "a/v1" .Capabilities.APIVersions }}{{ end }}',
    "a helper that nobody includes": '{{ define "x" }}{{ if eq (now | date "2006") "2027" }}{{ end }}{{ end }}',
    "a comment": "{{/* if gt now 1 */}}",
}


@pytest.mark.parametrize("situation", DECIDED)
def test_a_decision_is_found(situation: str) -> None:
    template, expected = DECIDED[situation]
    assert decided(template) == [expected]


@pytest.mark.parametrize("situation", PRINTED)
def test_what_is_printed_decides_nothing(situation: str) -> None:
    assert decided(PRINTED[situation]) == []


def test_other_versions_that_are_rendered_for_count_as_well() -> None:
    template = f'{{{{ if semverCompare ">=1.31.2-0" {V} }}}}{{{{ end }}}}'
    assert decided(template, 33) == []
    assert decided(template, 31, 33) == [("KUBERNETES", 1)]


def test_every_unknown_is_told_as_a_thing() -> None:
    assert [one.value for one in Unknown if not one.value[0].islower()] == []
