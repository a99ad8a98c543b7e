"""`SchemaCatalog`: the kinds that one Kubernetes version with its custom resources knows, and their compiled schemas.

Loading a version reads one small file; a kind is compiled when the first object of it is judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any

from gitgate import bundled
from gitgate.errors import UsageError
from gitgate.resource import Resource
from gitgate.schema.agents import agent_version, agent_versions
from gitgate.schema.scope import is_cluster_scoped
from gitgate.schema.shared_types import Schema, SharedTypes, reference_to
from gitgate.schema.violation import SchemaViolation

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

    from gitgate.schema.definition import CustomVersion
    from gitgate.schema.list_keys import ListPlan
    from gitgate.schema.structural import Conversion

Kind = tuple[str, str, str]
"""Group (empty for the core group), version, kind."""
_VERSION = re.compile(r"v?(\d{1,3})\.(\d{1,4})(?:\.\d{1,6})?(?:[-+][0-9A-Za-z.+-]*)?", re.ASCII)


class KindSchema:
    """What is known of one kind: made by a catalog, compiled on first use.

    Attributes:
        group: API group; empty for the core group.
        version: API version.
        kind: `Deployment`.
        source: Names the content: two schemas of a kind with the same source judge alike.
        namespaced: False for a cluster-scoped kind.
        custom: The version of a CustomResourceDefinition that it comes from; None for a built-in kind.
    """

    def __init__(
        self, kind: Kind, *, source: str, root: Callable[[], Schema], types: SharedTypes,
        custom: CustomVersion | None = None,
    ) -> None:  # fmt: skip
        self.group, self.version, self.kind = kind
        self.source = source
        self.custom = custom
        self.namespaced = custom.namespaced if custom is not None else not is_cluster_scoped(self.group, self.kind)
        self._root = root
        self._types = types

    @cached_property
    def root(self) -> Schema:
        """The kind's JSON Schema, without the types that it refers to."""
        return self._root()

    @cached_property
    def validator(self) -> Draft202012Validator:
        """The compiled schema; every pattern in it runs in linear time, and no reference leaves it."""
        from jsonschema_rs import Draft202012Validator, RegexOptions  # noqa: PLC0415 - 25 ms that --version does without

        from gitgate.openapi_formats import FORMATS  # noqa: PLC0415 - many patterns to compile

        return Draft202012Validator(
            self.standalone(),
            formats=dict(FORMATS),
            validate_formats=True,
            retriever=_refuse_retrieval,
            pattern_options=RegexOptions(),
        )

    def standalone(self) -> Schema:
        """The kind's JSON Schema (draft 2020-12) with the types that it refers to under `$defs`."""
        return {**self.root, "$defs": self._types.reachable(self.root)}

    @cached_property
    def list_plan(self) -> ListPlan | None:
        """Where this kind has lists whose items are told apart by a key."""
        return self._types.list_plan(self.root)

    def resolve(self, reference: str) -> Schema:
        """What a `$ref` inside this kind's schema names; an empty schema for one that names nothing."""
        return self._types.resolve(reference)

    @property
    def conversion(self) -> Conversion | None:
        """How the CustomResourceDefinition was read; None for a built-in kind and for a raw JSON Schema."""
        return None

    @property
    def defects(self) -> tuple[SchemaViolation, ...]:
        """Why the schema can judge nothing; empty when it can."""
        return ()

    @property
    def rules(self) -> int:
        """How many CEL rules (`x-kubernetes-validations`) the kind has that its schema does not judge."""
        return 0

    def written_pattern(self, pattern: str) -> str:
        """A pattern of this schema as its author wrote it."""
        return pattern


class CustomKindSchema(KindSchema):
    """A kind that a CustomResourceDefinition defines."""

    def __init__(self, version: CustomVersion, types: SharedTypes) -> None:
        self._custom_version = version
        super().__init__(
            (version.group, version.version, version.kind),
            source=version.source,
            root=lambda: self.conversion.schema,
            types=types,
            custom=version,
        )

    @cached_property
    def conversion(self) -> Conversion:
        """See `KindSchema.conversion`."""
        return self._custom_version.convert()

    @property
    def defects(self) -> tuple[SchemaViolation, ...]:
        """See `KindSchema.defects`."""
        return self.conversion.violations

    @property
    def rules(self) -> int:
        """See `KindSchema.rules`."""
        return self.conversion.rules

    def written_pattern(self, pattern: str) -> str:
        """See `KindSchema.written_pattern`."""
        return self.conversion.patterns.get(pattern, pattern)


class SchemaCatalog:
    """The kinds of one Kubernetes version, and custom resources beside them. Immutable in what it says.

    Attributes:
        version: `1.33`.
    """

    def __init__(
        self, version: str, kinds: Mapping[Kind, KindSchema], types: SharedTypes,
        defined: frozenset[tuple[str, str]] = frozenset(), served: frozenset[Kind] = frozenset(),
    ) -> None:  # fmt: skip
        self.version = version
        self._kinds = dict(kinds)
        self._types = types
        self._defined = defined
        self._served = served
        self._agents: dict[Kind, KindSchema | None] = {}

    @staticmethod
    def bundled_versions() -> tuple[str, ...]:
        """The Kubernetes versions that gitgate has schemas of, oldest first."""
        return bundled.kubernetes_versions()

    @staticmethod
    def newest() -> str:
        """The newest Kubernetes version that gitgate has schemas of."""
        return SchemaCatalog.bundled_versions()[-1]

    @classmethod
    def bundled(cls, version: str) -> SchemaCatalog:
        """The kinds of a Kubernetes version.

        Args:
            version: `1.33`, `v1.33` or with a patch release, which changes no schema: `v1.33.2`.

        Raises:
            UsageError: Not a version, or none that gitgate has schemas of.
        """
        return _load(_normalize(version))

    def with_custom_resources(self, definitions: Iterable[Resource]) -> SchemaCatalog:
        """A catalog that knows the kinds of CustomResourceDefinitions, too; a later one replaces an earlier one.

        A built-in kind is never replaced. A version that is not served is left out, as the API server would answer
        that there is no such kind. A definition that cannot judge is included, and its `defects` say why.

        Args:
            definitions: CustomResourceDefinition objects; what is none is left out.
        """
        definitions = tuple(definitions)
        if not definitions:
            return self
        from gitgate.schema.definition import read_definition  # noqa: PLC0415 - many trees define no kinds

        kinds = dict(self._kinds)
        defined = set(self._defined)
        served = set(self._served)
        for definition in definitions:
            for version in read_definition(definition.data).versions:
                name = (version.group, version.version, version.kind)
                defined.add((version.group, version.kind))
                present = kinds.get(name)
                if present is not None and present.custom is None:
                    continue
                kinds.pop(name, None)
                if version.served:
                    kinds[name] = CustomKindSchema(version, self._types)
                    served.add(name)
        return SchemaCatalog(self.version, kinds, self._types, frozenset(defined), frozenset(served))

    def find(self, group: str, version: str, kind: str) -> KindSchema | None:
        """The schema of a kind; None when this catalog does not know it.

        Files of converted schemas spell the kind in lower case, as a catalogue's file names do.
        """
        found = self._kinds.get((group, version, kind))
        if found is not None:
            return found
        converted = self._kinds.get((group, version, kind.lower()))
        if converted is not None and converted.custom is not None and converted.custom.open:
            return converted
        return self._agent_kind((group, version, kind))

    def withdraws(self, group: str, version: str, kind: str) -> bool:
        """Is the kind defined, and this version of it served by no definition? The API server then has no such kind."""
        return (group, kind) in self._defined and (group, version, kind) not in self._served

    def _agent_kind(self, name: Kind) -> KindSchema | None:
        """One of the kinds of Flux and Argo CD, unless the tree or the settings define it themselves."""
        if (name[0], name[2]) in self._defined:
            return None
        if name not in self._agents:
            version = agent_version(*name)
            self._agents[name] = CustomKindSchema(version, self._types) if version is not None else None
        return self._agents[name]

    def versions(self, group: str, kind: str) -> tuple[str, ...]:
        """The API versions in which a kind is known, sorted."""
        own = tuple(sorted(name[1] for name in self._kinds if (name[0], name[2]) == (group, kind)))
        return own if own or (group, kind) in self._defined else agent_versions(group, kind)

    def kinds(self) -> Iterator[KindSchema]:
        """Every kind that is known, in the order of group, version and kind; those of agents are not listed."""
        return (self._kinds[name] for name in sorted(self._kinds))


def parse_version(version: str) -> tuple[int, int]:
    """Major and minor of a Kubernetes version.

    Raises:
        UsageError: Not a version.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise UsageError(f"{version!r} is not a Kubernetes version", remedy=_offer())
    return int(match[1]), int(match[2])


def _normalize(version: str) -> str:
    major, minor = parse_version(version)
    if f"{major}.{minor}" not in SchemaCatalog.bundled_versions():
        raise UsageError(f"gitgate has no schemas of Kubernetes {major}.{minor}", remedy=_offer())
    return f"{major}.{minor}"


def _offer() -> str:
    return f"Use one of {', '.join(SchemaCatalog.bundled_versions())}."


@lru_cache(maxsize=4)
def _load(version: str) -> SchemaCatalog:
    """Read a bundled version once per process; two checks and several catalogs share it."""
    document = bundled.packed(f"kubernetes-{version}.json.gz")
    types = SharedTypes(document["$defs"])
    kinds: dict[Kind, KindSchema] = {}
    for name, type_name in document["kinds"].items():
        group, api_version, kind = name.split("/")
        kinds[group, api_version, kind] = KindSchema(
            (group, api_version, kind),
            source=f"kubernetes {version}",
            root=partial(reference_to, type_name),
            types=types,
        )
    return SchemaCatalog(version, kinds, types)


def _refuse_retrieval(uri: str) -> Any:
    """No schema is ever fetched: a `$ref` would let a file in a pull request open connections and read files."""
    raise ValueError(f"{uri} is outside the schema")
