"""Variables of a Flux Kustomization in the objects that it applies.

Source: fluxcd/pkg, kustomize/kustomize_varsub.go. Flux writes every object as YAML, expands that text and reads it
again, so that a value may change its type: `"${port}"` becomes a number.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gitgate.location import FieldPath
from gitgate.resource import Resource
from gitgate.sources.flux.envsubst import SubstitutionError, expand
from gitgate.sources.owners import Owner, World, items, mapping, text
from gitgate.yaml_document import is_encrypted, read_yaml

SUBSTITUTE_KEY = "kustomize.toolkit.fluxcd.io/substitute"
"""Label or annotation of objects."""
_CONTROLLER = "kustomize-controller"
_GATE = re.compile(r"^--feature-gates=(?:.*,)?StrictPostBuildSubstitutions=([A-Za-z0-9]+)")
_VERSION = re.compile(_CONTROLLER + r":v([0-9]{1,4})\.([0-9]{1,4})\.")
_STRICT_SINCE = (1, 9)
_NAME = re.compile(r"[_A-Za-z][_A-Za-z0-9]*\Z")
_UNKNOWN = f"gitgate-unknown-{secrets.token_hex(8)}-"
"""Stands for a value that nobody knows while text is expanded and read; no input can know it."""
_MARK = re.compile(re.escape(_UNKNOWN) + r"(\w+?)-end")
_CIPHERTEXT = "ENC[AES256_GCM,"
_WRITTEN = re.compile(r"\$\{(\w+)\}")
"""An unknown variable as it stands in an object."""


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of one owner.

    Attributes:
        values: Those that are known.
        missing: Objects that hold others and that the repository does not have, or has encrypted, with the field
            that names them.
        unknown: Names of those whose value is a variable that nobody knows.
        guessed: Names of those that one of the missing objects may give another value.
    """

    values: Mapping[str, str]
    missing: tuple[tuple[str, FieldPath], ...] = ()
    invalid: tuple[str, ...] = ()
    unknown: frozenset[str] = frozenset()
    guessed: frozenset[str] = frozenset()

    @property
    def applies(self) -> bool:
        """Does Flux expand anything? It does nothing where there is no variable."""
        return bool(self.values) or bool(self.missing) or bool(self.unknown)


def sources_of(owner: Owner) -> Iterator[tuple[str, str, bool, FieldPath]]:
    """Kind, name, whether it may be absent, and field of every object that variables come from."""
    for index, reference in enumerate(items(mapping(owner.spec.get("postBuild")).get("substituteFrom"))):
        kind, name = text(mapping(reference).get("kind")), text(mapping(reference).get("name"))
        if kind in {"ConfigMap", "Secret"} and name:
            optional = mapping(reference).get("optional") is True
            yield kind, name, optional, ("spec", "postBuild", "substituteFrom", index)


def variables_of(owner: Owner, world: World) -> Variables:
    """Every variable of an owner; those written in it win."""
    values: dict[str, str] = {}
    missing: list[tuple[str, FieldPath]] = []
    guessed: set[str] = set()
    for kind, name, _, path in sources_of(owner):
        resource = world.find("", kind, owner.namespace, name)
        found = None if resource is None else data_of(resource)
        if found is None:
            # Optional or not, the object may be in the cluster all the same.
            missing.append((f"{kind} {owner.namespace}/{name}", path))
            guessed.update(values)
        values.update(found or {})
        guessed.difference_update(found or ())
    for name, value in mapping(mapping(owner.spec.get("postBuild")).get("substitute")).items():
        values[name] = value if isinstance(value, str) else str(value)
        guessed.discard(name)
    inherited = unknown_in(owner.resource)
    unknown = {name for name, value in values.items() if not inherited.isdisjoint(_WRITTEN.findall(value))}
    cleaned = {name: value.replace("\n", "") for name, value in values.items() if name not in unknown}
    if values or missing:
        unknown |= inherited - values.keys()
    return Variables(
        cleaned,
        tuple(missing),
        tuple(sorted(name for name in cleaned if not _NAME.match(name))),
        unknown=frozenset(unknown),
        guessed=frozenset(guessed - unknown),
    )


def unknown_in(resource: Resource) -> frozenset[str]:
    """Names of the variables in an object that nobody knows the value of."""
    wanted = frozenset(resource.unresolved)
    texts = _texts(resource.data, ()) if wanted else ()
    return frozenset(name for path, written in texts if path in wanted for name in _WRITTEN.findall(written))


def decryptable(resource: Resource) -> tuple[Resource, tuple[FieldPath, ...]]:
    """An object in which SOPS encrypted some values, as Flux applies it, and the fields that nobody here can read.

    A Secret with values in plain text beside encrypted ones is left as it is: nobody means that.

    Source: fluxcd/kustomize-controller, internal/decryptor/decryptor.go, `isSOPSEncryptedResource`.
    """
    stamp = mapping(resource.data.get("sops"))
    if resource.id.kind == "Secret" or not text(stamp.get("mac")).startswith(_CIPHERTEXT):
        return resource, ()
    data = {key: value for key, value in resource.data.items() if key != "sops"}
    fields = tuple(path for path, written in _texts(data, ()) if written.startswith(_CIPHERTEXT))
    return replace(resource, data=data), fields


def with_unknown(resource: Resource, names: frozenset[str]) -> Resource:
    """An object that was made of such variables, its fields with them marked as not known."""
    if not names or not _has_dollar(resource.data):
        return resource
    fields = tuple(
        path for path, written in _texts(resource.data, ()) if not names.isdisjoint(_WRITTEN.findall(written))
    )
    return replace(resource, unresolved=tuple(dict.fromkeys((*resource.unresolved, *fields)))) if fields else resource


def _texts(value: Any, path: FieldPath) -> Iterator[tuple[FieldPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _texts(one, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _texts(one, (*path, index))


def data_of(resource: Resource) -> dict[str, str] | None:
    """What a ConfigMap or Secret holds; None where it is encrypted or cannot be read."""
    data = resource.data
    if resource.sealed or is_encrypted(dict(data)) or "sops" in data:
        return None
    if resource.id.kind == "ConfigMap":
        held = {key: value for key, value in mapping(data.get("data")).items() if isinstance(value, str)}
        return None if any(value.startswith(_CIPHERTEXT) for value in held.values()) else held
    found: dict[str, str] = {}
    for key, value in mapping(data.get("data")).items():
        try:
            found[key] = base64.b64decode(text(value), validate=True).decode()
        except (binascii.Error, ValueError):
            return None
    return found | {key: value for key, value in mapping(data.get("stringData")).items() if isinstance(value, str)}


def is_strict(world: World) -> bool | None:
    """Is a variable without a value an error to the kustomize-controller of a cluster? None where that is not known.

    Source: fluxcd/kustomize-controller, docs/README.md, `StrictPostBuildSubstitutions`: the default since 1.9.0.
    """
    for resource in world.of_kind("apps", "Deployment"):
        if resource.id.name != _CONTROLLER:
            continue
        pod = mapping(mapping(mapping(resource.data.get("spec")).get("template")).get("spec"))
        for container in map(mapping, items(pod.get("containers"))):
            for argument in items(container.get("args")):
                found = _GATE.search(text(argument))
                if found is not None:
                    return found[1] in {"true", "True", "TRUE", "t", "T", "1"}
            version = _VERSION.search(text(container.get("image")))
            if version is not None:
                return (int(version[1]), int(version[2])) >= _STRICT_SINCE
    return None


@dataclass(slots=True)
class Substitution:
    """The expansion of one owner's objects.

    Attributes:
        strict: Does Flux fail where a variable has neither value nor default? None where that is not known.
        unknown: Names that were met and whose values nobody knows.
        undefined: Names that were met and that have neither value nor default.
    """

    variables: Variables
    strict: bool | None = False
    unknown: set[str] = field(default_factory=set)
    _guessed: set[str] = field(default_factory=set)
    undefined: set[str] = field(default_factory=set)

    def apply(self, data: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[FieldPath, ...]]:
        """One object expanded, and the fields in it that nobody knows.

        Raises:
            SubstitutionError: Flux cannot expand it, or not read what comes of it.
        """
        self._guessed.clear()
        if not self.variables.applies or _opted_out(data) or not _has_dollar(data):
            return data, ()
        if self.variables.invalid:
            raise SubstitutionError(f"{self.variables.invalid[0]!r} is no name for a variable")
        expanded = expand(written(data), self._lookup, strict=self.strict is True, undefined=self.undefined)
        value = read_written(expanded)
        if _UNKNOWN not in expanded:
            return value, ()
        fields: list[FieldPath] = []
        return _unmarked(value, (), fields), tuple(fields)

    def guessed(self, data: Mapping[str, Any]) -> tuple[FieldPath, ...]:
        """Fields of an object that was expanded whose value may be another one in the cluster."""
        if not self._guessed or _opted_out(data):
            return ()
        try:
            value = read_written(expand(written(data), self._guess, strict=False, undefined=set()))
        except SubstitutionError:
            return ()
        fields: list[FieldPath] = []
        _unmarked(value, (), fields)
        return tuple(fields)

    def _guess(self, name: str) -> str | None:
        if name in self.variables.guessed:
            return f"{_UNKNOWN}{name}-end"
        return self.variables.values.get(name)

    def without_unknown(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """One object where the cluster has none of the variables that nobody knows; None where Flux then fails."""
        try:
            return read_written(expand(written(data), self.variables.values.get, strict=False, undefined=set()))
        except SubstitutionError:
            return None

    def _lookup(self, name: str) -> str | None:
        if name in self.variables.values:
            if name in self.variables.guessed:
                self._guessed.add(name)
            return self.variables.values[name]
        if not self.variables.missing and name not in self.variables.unknown:
            return None
        self.unknown.add(name)
        return f"{_UNKNOWN}{name}-end"


def read_written(expanded: str) -> dict[str, Any]:
    """An object of YAML in which something was put in a place.

    Raises:
        SubstitutionError: It is none.
    """
    file = read_yaml(expanded.encode("utf-8", "surrogatepass"))
    fatal = next((problem.message for problem in file.problems if problem.fatal), None)
    if fatal is not None or len(file.documents) != 1 or not isinstance(file.documents[0].value, dict):
        raise SubstitutionError(f"what comes of it cannot be read: {fatal or 'it is no object any more'}")
    return file.documents[0].value


def _opted_out(data: Mapping[str, Any]) -> bool:
    metadata = mapping(data.get("metadata"))
    return any(mapping(metadata.get(key)).get(SUBSTITUTE_KEY) == "disabled" for key in ("labels", "annotations"))


def _has_dollar(data: Any) -> bool:
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if "${" in value or "$$" in value:
                return True
        elif isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def written(data: Mapping[str, Any]) -> str:
    """An object as YAML in the style of Go's library: plain where that reads back as text, else quoted or literal."""
    import yaml  # noqa: PLC0415 - only where there are variables

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

    def represent(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value else None
        resolved: Any = dumper.resolve(yaml.ScalarNode, value, (True, False))  # type: ignore[no-untyped-call]
        if style is None and resolved != "tag:yaml.org,2002:str":
            style = '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, represent)
    made: str = yaml.dump(
        data, Dumper=Dumper, width=float("inf"), allow_unicode=True, default_flow_style=False, sort_keys=False
    )
    return made


def _unmarked(value: Any, path: FieldPath, fields: list[FieldPath]) -> Any:
    """The value with unknown variables as they were written; their fields are noted."""
    if isinstance(value, str):
        if _UNKNOWN not in value:
            return value
        fields.append(path)
        return _MARK.sub(r"${\1}", value)
    if isinstance(value, dict):
        return {_unmarked(key, path, fields): _unmarked(item, (*path, key), fields) for key, item in value.items()}
    if isinstance(value, list):
        return [_unmarked(item, (*path, index), fields) for index, item in enumerate(value)]
    return value
