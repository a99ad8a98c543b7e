"""Write schemas/go-types.json.gz: what Kubernetes' Go types do to an object that OpenAPI does not tell.

The API server decodes an object into Go structs and encodes it again, so that zero values vanish or appear according
to how each field is declared (pointer, `omitempty`). This reads the declarations, and the constants of types that are
marked `+enum`. The sources are the Go modules k8s.io/api, k8s.io/apimachinery, k8s.io/apiextensions-apiserver and
k8s.io/kube-aggregator, unpacked; get them with `go mod download -json MODULE@VERSION`:

    python tools/build_shapes.py 1.36.1 DIRECTORY_OF_K8S_IO_API DIRECTORY_OF_APIMACHINERY ...

Fields come and go with versions, but a field that stays keeps its declaration; so the newest version serves them all.
docs/adr/0021-plan-tables.md says which letter means what and why.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "schemas" / "go-types.json.gz"
_DECLARATION = re.compile(r"^type (\w+) (.+?)(?: *//.*)?$")
_FIELD = re.compile(r"^\t(?:(\w+)\s+)?([\w.*\[\]{}]+)\s+`[^`]*json:\"([^\"]*)\"[^`]*`")
_CONSTANT = re.compile(r"^\s*\w+\s+(\w+)\s*=\s*\"([^\"]*)\"")
_SCALARS = frozenset({"string", "types.UID", "bool", "int", "int32", "int64", "uint32", "uint64", "float64", "byte"})
_TIMES = frozenset({"Time", "MicroTime"})
_VALUES = {"Quantity": "q", "IntOrString": "i", "Duration": "z"}
"""Structs that are written as one value, and their letters."""

_OPEN = frozenset({"RawExtension", "JSON", "JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool", "FieldsV1"})


@dataclass
class GoPackage:
    """The declarations of one package: `core/v1`."""

    name: str
    types: dict[str, str] = field(default_factory=dict)
    fields: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    enums: dict[str, list[str]] = field(default_factory=dict)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("version", help="the version of the modules, as 1.36.1")
    parser.add_argument("modules", nargs="+", type=Path, help="directories of the unpacked Go modules")
    arguments = parser.parse_args()
    packages = [package for module in arguments.modules for package in read_module(module)]
    shapes, enums = describe({package.name: package for package in packages})
    document = {"source": f"k8s.io Go modules {arguments.version}", "shapes": shapes, "enums": enums}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    content = gzip.compress(text.encode("ascii"), compresslevel=9, mtime=0)
    TARGET.write_bytes(content)
    print(f"{len(shapes)} types, {sum(map(len, enums.values()))} enumerations, {len(content)} bytes in {TARGET.name}")
    return 0


def read_module(directory: Path) -> Iterator[GoPackage]:
    """Every versioned API package of a module, named as OpenAPI names it."""
    prefix = "io.k8s." + re.sub(r"@.*", "", directory.name)
    for file in sorted(directory.rglob("types*.go")):
        folder = file.parent
        if re.fullmatch(r"v\d\w*", folder.name) and not file.name.endswith("_test.go"):
            package = GoPackage(".".join([prefix, *folder.relative_to(directory).parts]))
            for part in sorted(folder.glob("*.go")):
                if not part.name.startswith(("zz_", "generated")) and not part.name.endswith("_test.go"):
                    _read(part.read_text("utf-8"), package)
            if file == min(folder.glob("types*.go")):
                yield package


def _read(text: str, package: GoPackage) -> None:
    inside: str | None = None
    comment: list[str] = []
    for line in text.splitlines():
        if inside is None and (declared := _DECLARATION.match(line)):
            name, target = declared.groups()
            package.types[name] = "struct" if target.startswith("struct") else target
            if "+enum" in comment:
                package.enums[name] = []
            if target == "struct {":
                inside = name
                package.fields[name] = []
        elif line == "}":
            inside = None
        elif inside is not None and (member := _FIELD.match(line)):
            package.fields[inside].append((member[1] or "", member[2], member[3]))
        elif inside is None and (constant := _CONSTANT.match(line)) and constant[1] in package.enums:
            package.enums[constant[1]].append(constant[2])
        comment = [*comment, line.strip().lstrip("/").strip()] if line.startswith("//") else []


def describe(packages: dict[str, GoPackage]) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, list[str]]]]:
    """Letters by type and field, and the allowed values of fields with an enumerated type."""
    shapes: dict[str, dict[str, str]] = {}
    enums: dict[str, dict[str, list[str]]] = {}
    for package in packages.values():
        for name in package.fields:
            letters, values = {}, {}
            for owner, go_type, tag in _flatten(package, name, packages):
                key, *options = tag.split(",")
                letters[key] = _letter(go_type, options, owner, packages)
                base = re.sub(r"^(\*|\[\])*", "", go_type)
                if owner.enums.get(base):
                    values[key] = sorted(owner.enums[base])
            if letters:
                shapes[f"{package.name}.{name}"] = letters
            if values:
                enums[f"{package.name}.{name}"] = values
    return shapes, enums


def _flatten(package: GoPackage, name: str, packages: dict[str, GoPackage]) -> Iterator[tuple[GoPackage, str, str]]:
    for _, go_type, tag in package.fields.get(name, ()):
        if tag == "-":
            continue
        if tag.startswith(","):
            owner, target = _resolve(go_type.lstrip("*"), package, packages)
            yield from _flatten(owner, target, packages)
        else:
            yield package, go_type, tag


def _resolve(go_type: str, package: GoPackage, packages: dict[str, GoPackage]) -> tuple[GoPackage, str]:
    alias, dot, name = go_type.rpartition(".")
    if not dot:
        return package, name
    if alias == "metav1":
        return packages["io.k8s.apimachinery.pkg.apis.meta.v1"], name
    group = re.fullmatch(r"(\w*?)(v\d\w*)?", alias)
    wanted = f".{group[1]}.{group[2] or 'v1'}" if group and group[1] else ".core.v1"
    for candidate in packages.values():
        if candidate.name.endswith(wanted):
            return candidate, name
    return packages["io.k8s.api.core.v1"], name


def _letter(go_type: str, options: list[str], package: GoPackage, packages: dict[str, GoPackage]) -> str:
    omitted = "omitempty" in options
    if go_type.startswith(("*", "[]", "map[")):
        return "p" if go_type.startswith("*") else "l"
    owner, name = (package, go_type) if go_type in _SCALARS else _resolve(go_type, package, packages)
    while name not in _SCALARS and owner.types.get(name, "struct") != "struct":
        target = owner.types[name]
        if target.startswith(("[]", "map[")):
            return "l"
        owner, name = _resolve(target.lstrip("*"), owner, packages)
    if name in _SCALARS:
        return "z" if omitted else "s"
    if name in _TIMES or name in _OPEN or "omitzero" in options:
        return "z"
    return _VALUES.get(name, "o")


if __name__ == "__main__":
    sys.exit(main())
