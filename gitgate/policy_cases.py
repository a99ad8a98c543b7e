"""Cases: requests and what policies should say of them, read from files and run as the policy check would.

The examples of the policies that gitgate ships, and the tests that a repository keeps for its own, have one format:
`schemas/policy-tests-v1.json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitgate import bundled
from gitgate.checks.policy_objects import ServedObjects
from gitgate.location import Position
from gitgate.own_document import demand_schema, error_at, read_document
from gitgate.policy.cel import Engine, Program
from gitgate.policy.definition import Action, Binding, Policy, read_bindings, read_policies
from gitgate.policy.evaluation import Answer, Bound, Code, Surroundings, User, evaluate
from gitgate.policy.requests import Kinds, requests_of
from gitgate.resource import Origin, Resource, ResourceId, split_api_version
from gitgate.schema.catalog import SchemaCatalog
from gitgate.schema.scope import is_cluster_scoped
from gitgate.yaml_document import YamlProblem

ALLOW, ERROR = "allow", "error"
_ACTIONS = {Action.DENY: "deny", Action.WARN: "warn", Action.AUDIT: "audit"}
_WORST = (ERROR, "deny", "warn", "audit", ALLOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request, and what a policy should say of it.

    Attributes:
        name: What is shown; empty for none.
        policy: Name of the policy.
        operation: `CREATE`, `UPDATE` or `DELETE`.
        new: The object; None in a DELETE.
        old: The object as it was; None in a CREATE.
        expected: `allow`, `deny`, `warn`, `audit` or `error`.
        message: A part of what the policy should say; empty for anything.
        file: Where the case is.
    """

    name: str
    policy: str
    operation: str
    new: Resource | None
    old: Resource | None
    expected: str
    message: str = ""
    parameters: tuple[Resource, ...] = ()
    namespace: Mapping[str, Any] | None = None
    user: User = field(default_factory=User)
    file: str = ""
    position: Position | None = None

    @property
    def title(self) -> str:
        """The name, or what the request is."""
        resource = self.new or self.old
        return self.name or (f"{self.operation} {resource.id}" if resource is not None else self.operation)


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of a case.

    Attributes:
        actual: As `Case.expected`; `error` also where the policy is absent or cannot run.
        messages: What was said.
    """

    case: Case
    actual: str
    messages: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Was it as expected?"""
        said = not self.case.message or any(self.case.message in message for message in self.messages)
        return self.actual == self.case.expected and said


def bundled_cases(name: str) -> tuple[Case, ...]:
    """The examples of a set that gitgate ships; none for an older version of a set."""
    path = bundled.policy_examples(name)
    return read_cases(path.read_bytes(), f"policies/examples/{path.name}") if path is not None else ()


def read_cases(data: bytes, name: str) -> tuple[Case, ...]:
    """Read a file of cases that is called `name` in messages.

    Raises:
        SettingsError: Not valid; says where and what is allowed.
    """
    document = read_document(data, name, tolerates=_is_about_another_reader)
    demand_schema(document, name, "policy-tests-v1.json", "a part of a case")
    cases = []
    for index, entry in enumerate(document.value["cases"]):
        path = ("cases", index)
        new, old = entry.get("object"), entry.get("oldObject")
        natural = "DELETE" if new is None else "CREATE" if old is None else "UPDATE"
        operation = entry.get("operation", natural)
        if operation != natural:
            needs = {
                "CREATE": "an object alone",
                "UPDATE": "an object and an oldObject",
                "DELETE": "an oldObject alone",
            }
            raise error_at(name, document, (*path, "operation"), f"{operation} goes with {needs[operation]}")
        try:
            cases.append(_case(entry, operation, name, document.nearest(path)))
        except ValueError as error:
            raise error_at(name, document, path, str(error)) from error
    return tuple(cases)


def _is_about_another_reader(problem: YamlProblem) -> bool:
    """What kustomize would read otherwise is no problem in a file that it never reads."""
    return problem.code == "yaml-ambiguous-scalar"


def _case(entry: Mapping[str, Any], operation: str, file: str, position: Position) -> Case:
    user = entry.get("user")
    return Case(
        name=entry.get("name", ""),
        policy=entry["policy"],
        operation=operation,
        new=_resource(entry.get("object")),
        old=_resource(entry.get("oldObject")),
        expected=entry["expected"],
        message=entry.get("message", ""),
        parameters=tuple(item for item in map(_resource, entry.get("params", ())) if item is not None),
        namespace=entry.get("namespace"),
        user=User(user["name"], tuple(user.get("groups", ()))) if user is not None else User(),
        file=file,
        position=position,
    )


def _resource(data: Mapping[str, Any] | None) -> Resource | None:
    """An object of a case.

    Raises:
        ValueError: Its apiVersion is none.
    """
    if data is None:
        return None
    group, version = split_api_version(data["apiVersion"])
    metadata = data["metadata"]
    name, generated, namespace = (metadata.get(key) for key in ("name", "generateName", "namespace"))
    text = name if isinstance(name, str) else f"{generated if isinstance(generated, str) else ''}*"
    place = namespace if isinstance(namespace, str) else ""
    return Resource(ResourceId(group, version, data["kind"], place, text), data, Origin("case"))


class CaseRunner:
    """Runs cases against policies; a policy without a binding is judged as if one denied.

    Args:
        engine: What evaluates.
        resources: Policies, bindings, and CustomResourceDefinitions of the kinds that cases use.
    """

    def __init__(self, engine: Engine, resources: Sequence[Resource]) -> None:
        self._engine = engine
        self._policies = {policy.name: policy for policy in read_policies(resources)}
        self._bindings: dict[str, list[Binding]] = {}
        for binding in read_bindings(resources):
            self._bindings.setdefault(binding.policy, []).append(binding)
        self._programs: dict[str, Program] = {}
        definitions = [item for item in resources if item.id.kind == "CustomResourceDefinition"]
        self._kinds = Kinds(is_cluster_scoped, definitions)
        self._served = ServedObjects(SchemaCatalog.newest(), definitions)

    def run(self, case: Case) -> CaseResult:
        """Judge one case.

        Raises:
            ToolError: The engine cannot be started.
        """
        policy = self._policies.get(case.policy)
        if policy is None:
            return CaseResult(case, ERROR, (f"there is no policy {case.policy}",))
        problem = self.problem(policy)
        if problem:
            return CaseResult(case, ERROR, (problem,))
        resource = case.new or case.old
        assert resource is not None  # noqa: S101 - a case has one of them
        program = self._programs[policy.name]
        bindings = self._bindings.get(policy.name) or [_denying(policy)]
        bounds = [Bound(policy, binding, program) for binding in bindings]
        requests = list(requests_of(case.new, case.old, self._kinds))
        spaces = {request.namespace: case.namespace for request in requests if case.namespace is not None}
        surroundings = Surroundings(spaces, case.parameters, case.user, served=self._served)
        answers = list(evaluate(self._engine, bounds, requests, surroundings))
        words = tuple(dict.fromkeys(answer.message for answer in answers))
        return CaseResult(case, min(map(_said, answers), key=_WORST.index, default=ALLOW), words)

    def problem(self, policy: Policy) -> str:
        """Why a policy cannot run; empty when it can."""
        if policy.defects:
            return policy.defects[0].message
        if policy.asks_cluster:
            return "it uses authorizer, and only a cluster can say what that answers"
        if policy.name not in self._programs:
            self._programs[policy.name] = self._engine.compile(policy.source)
        program = self._programs[policy.name]
        if program.limit is not None:
            return f"compiling it {program.limit}"
        return "; ".join(
            f"{item.part}[{item.index}] line {item.line}, column {item.column}: {item.message}"
            for item in program.problems
        )


def _said(answer: Answer) -> str:
    if answer.code is Code.AUDIT:
        return ALLOW
    if answer.code is not Code.DENIED:
        return ERROR if answer.action is not None or answer.code is Code.LIMIT else ALLOW
    return _ACTIONS[answer.action] if answer.action is not None else ALLOW


def _denying(policy: Policy) -> Binding:
    return Binding(name=policy.name, resource=policy.resource, policy=policy.name, actions=frozenset({Action.DENY}))
