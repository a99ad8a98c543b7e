"""Write tests/golden/yaml-values.json: how the real kubectl and the real kustomize read each YAML text.

Run it as `python -m tools.yaml_values` with `kubectl` (1.32) and `kustomize` (5.8) on PATH; no cluster is asked.
The reading of kubectl is what `kubectl annotate --local` prints; that of kustomize is what kubectl makes of the
output of `kustomize build`, because that is what reaches the cluster.
"""

from __future__ import annotations

import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gitgate.process import find_program, run

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "yaml-values.json"
MANIFEST = "apiVersion: example.org/v1\nkind: Probe\nmetadata:\n  name: probe\nspec:\n"
"""Goes before each text, which is indented by two spaces."""

# One scalar a line; each is the value of `v`.
SCALARS = r"""
y
Y
n
N
yes
Yes
YES
yEs
no
No
NO
on
On
ON
off
Off
OFF
true
True
TRUE
tRUE
false
False
FALSE
null
Null
NULL
~
nil
none
.inf
-.inf
+.INF
.nan
.NaN
-.nan
inf
nan
0
-0
+0
00
1
-1
+1
+-1
007
0777
-0777
08
09
018
-08
0o17
0O17
-0o17
0o8
0o
0x1F
0X1f
-0x1F
+0x1f
0xG
0x
0b101
0B101
-0b101
0b
0b2
1_000
1__0
1_
_1
0x_1F
0_7
1_000.5
1e3
1E3
1e+3
1e-3
-2E+05
12e03
6.02e23
1.e3
1.
.5
-.5
+.5
.5e1
.5_0
.
..
.e3
1.5
1.0
-0.0
1.50
100.00
0.1
1e400
-1e400
1e-400
1e21
1e20
123456789012345678
1.2345678901234567e18
9223372036854775807
9223372036854775808
-9223372036854775808
-9223372036854775809
18446744073709551615
18446744073709551616
0xFFFFFFFFFFFFFFFF
0x10000000000000000
0x7FFFFFFFFFFFFFFF
1e18
9.3e18
1:30
22:22
1:30:00
-1:30
190:20:30.15
2024-01-01
2024-1-1
2024-02-30
2024-02-29
2023-02-29
2024-13-01
2024-01-01T00:00:00Z
2024-01-01t00:00:00Z
2024-01-01T00:00:00
2024-01-01T00:00:00+02:00
2024-01-01T00:00:00.5Z
2024-01-01 00:00:00
2024-01-01 00:00
2024-01-01 00:00:00.5
2024-01-01  00:00:00
2024-01-01 00:00:00 +02:00
2024-01-01T24:00:00Z
2024-1-1T1:2:3Z
0000-01-01
20240101
2024-01
2024-01-01x
1.2.3
v1
1.2.3.4
10.0.0.1/8
1Gi
100m
0.5
5%
1-2
1/2
+
=
<<
"yes"
'no'
"1"
"2024-01-01"
"\x41\u00e9\U0001f600"
"\0"
"a\
b"
! "yes"
! "1"
! x
!!str yes
!!str 1
!!str
!!int 1
!!int "1"
!!int 0x1F
!!int x
!!int 1.5
!!int yes
!!int ""
!!float 1
!!float 1.5
!!float "2"
!!float x
!!float .inf
!!bool yes
!!bool "off"
!!bool 1
!!null ""
!!null null
!!null x
!!timestamp 2024-01-01
!!timestamp "2024-01-01"
!!timestamp x
!!binary aGk=
!!binary "aGk"
!!binary /w==
!!set {a, b}
!!map {a: 1}
!!seq [a]
!!omap [a: 1]
!!merge <<
!!python/none x
!foo bar
!foo 12
!vault |\n  a
!foo {a: 1}
!!foo x
{a: 1}
{a, b: }
[]
{}
[a, 1, yes]
[a, ]
{"a":1}
{a: [b, {c: d}]}
{? a : b}
|\n  a\n  b
|-\n  a\n\n
>\n  a\n  b
>+\n  a\n\n
a b\n  c
"a\n\n  b"
""
''
'it''s'
"{{ .Values.x }}"
a#b
a #b
a: b
- a
@a
`a`
%a
*a
&a b
&a
|2\n   a
"a\tb"
"\/"
"\ud83d\ude00"
"\q"
[a b: c]
-
--
- a
?a
:a
a:b
http://x:80/y
'a' b
"\N"
12:30:45
0.0.0.0
1.0e+3
+12
0755
0644
+.inf
TrUe
1,000
0o0644
"0644"
null null
12e
0e0
00.5
1e1000000000
"""

# Bodies of `spec`.
BODIES = (
    "1: a",
    "yes: 1",
    "on: push",
    "y: 1",
    "0777: a",
    "0x10: a",
    "1.5: a",
    "1.0: a",
    "0.1: a",
    "1e6: a",
    "1e5: a",
    "16777217.0: a",
    "1e21: a",
    "1e-5: a",
    "123456.7: a",
    "1e39: a",
    "null: a",
    "~: a",
    ".inf: a",
    "-.inf: a",
    ".nan: a",
    "9223372036854775808: a",
    "18446744073709551616: a",
    "2024-01-01: a",
    "1:30: a",
    "true: a",
    "=: a",
    '"<<": {a: 1}',
    '"1": a',
    "!!str 1: a",
    "!!binary aGk=: a",
    "!foo 1: a",
    "? a",
    "? [a]\n: b",
    "[a]: b",
    "{a: b}: c",
    ": a",
    "a: 1\na: 2",
    'kind: 1\n"\\x6bind": 2',
    "a: &x {k: 1}\nb: *x",
    "a: &x 1\nb: &x 2\nc: *x",
    "a: &x [*x]",
    "a: &x {<<: *x}",
    "a: *nowhere",
    "a: &x yes\nb: *x",
    "a: &x k\n*x : v",
    "base: &b {a: 1, c: 3}\nv: {a: 2, <<: *b}",
    "base: &b {a: 1, c: 3}\nv: {<<: *b, a: 2}",
    "v: {a: 2, <<: {a: 1}}",
    "v: {<<: {a: 1}, a: 2}",
    "v: {<<: [{a: 1}, {a: 2, b: 3}]}",
    "v: {b: 1, <<: [{a: 1}, {a: 2, b: 3}]}",
    "v: {<<: {a: 1}, <<: {a: 2}}",
    "v: {a: 1, <<: {b: 2}}",
    "v: {<<: {<<: {a: 1}, b: 2}, c: 3}",
    "v: {<<: {a: {x: 1}}, a: {y: 2}}",
    "v: {a: {x: 1}, <<: {a: {y: 2}}}",
    "v: {<<: 1}",
    "v: {<<: }",
    "v: {<<: [1]}",
    "v: {<<: []}",
    "v: {!!merge <<: {a: 1}}",
    "v: {! '<<': {a: 1}}",
    "b: &b [1]\nv: {<<: *b}",
    "b: &b {a: 1}\nv:\n  <<: *b\n  a: 2\n  b: 3",
    "b: &b {a: 1}\nv:\n  a: 2\n  b: 3\n  <<: *b",
    "b: &b {a: 1}\nv:\n  a: 2\n  <<: *b\n  a: 3",
    "b: &b {a: 1}\nv: [*b, *b]",
    "a: |\n  x: y\n  - {",
    "a: >-\n  x\n  y\n\n  z",
    "a: 'x\n  y'",
    "a: {b: c,\n  d: e}",
    "a: # comment\n  b",
    "a:\n- b\n- c",
    "a:\n- - b\n  - c\n- d: e\n  f: g",
    "a: b\n# comment\nc: d",
    "a: [\n  b, # comment\n  c\n]",
    'a: "{{ x }}"',
    "a: {{ x }}",
    "a: [yes, {b: off}]",
    "a:\tb",
    "a: b\t# c",
    "a\u00a0b: c",
    "a: \u00e9",
    'a: "\\u0085"',
    'a: "\\L"',
    'a: "\\P"',
    'a: "\\_"',
    'a: "\\u2028"',
    'a: "\\e\\a"',
    "a: {b: null}",
    "a: {b: ~}",
    "a: [b: ]",
    "a: [{b}]",
    "a: {b: [c: ]}",
    "a: {b: {c: }}",
    "a:\n  b:\n  c: d",
    "a: {b: &x , c: 1}",
    "a: [~, null]",
    "a: 2024-01-01T00:00:00+00:00",
    "a: 2024-01-01T00:00:00.50Z",
    "a: 2024-01-01T00:00:00,5Z",
    "a: 2024-01-01T00:00:00-05:00",
    "a: [2024-01-01]",
    "a: 2024-01-01 00:00:00Z",
)


def cases() -> list[str]:
    """Every text, in a stable order and without repetition."""
    scalars = [f"v: {line}".replace("\\n  ", "\n    ") for line in SCALARS.strip("\n").split("\n")]
    return list(dict.fromkeys([*scalars, *BODIES]))


def read_both(text: str) -> dict[str, Any]:
    """One row of the golden file: the text and `spec` as each program reads it, None for a refusal."""
    manifest = MANIFEST + "".join(f"  {line}\n" if line else "\n" for line in text.split("\n"))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "probe.yaml").write_text(manifest, encoding="utf-8")
        (place / "kustomization.yaml").write_text("resources: [probe.yaml]\n", encoding="utf-8")
        kustomize = find_program("kustomize", remedy="install kustomize 5.8")
        rendered = run([kustomize, "build", "."], cwd=place, environment={"HOME": folder}, expected=(0, 1, 2))
        by_kubectl = _kubectl(place, manifest.encode())
        by_kustomize = _kubectl(place, rendered.stdout) if rendered.returncode == 0 else None
    return {"text": text, "kubectl": by_kubectl, "kustomize": by_kustomize}


def _kubectl(place: Path, manifest: bytes) -> dict[str, Any] | None:
    kubectl = find_program("kubectl", remedy="install kubectl 1.32")
    arguments = [kubectl, "annotate", "--local", "-f", "-", "-o", "json", "probe=read"]
    done = run(arguments, cwd=place, environment={"HOME": str(place)}, stdin=manifest, expected=(0, 1))
    if done.returncode != 0 or not done.stdout.strip():
        return None
    return {"spec": json.loads(done.stdout).get("spec")}


def main() -> int:
    """Write the file; the exit code is 0."""
    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(read_both, cases()))
    lines = ",\n".join(json.dumps(row, ensure_ascii=True, sort_keys=True) for row in rows)
    GOLDEN.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{len(rows)} texts in {GOLDEN.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
